#include "app/studio/application.h"

int main(int argc, char **argv) {
  g_set_prgname("kinoloom-studio");
  g_autoptr(KlApplication) app = kl_application_new();
  return g_application_run(G_APPLICATION(app), argc, argv);
}
