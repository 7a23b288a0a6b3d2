#include "app/studio/application.h"
#include "app/studio/stalls.h"

#include <libintl.h>
#include <locale.h>

int main(int argc, char **argv) {
  setlocale(LC_ALL, "");
  bindtextdomain("kinoloom", KL_LOCALEDIR);
  bind_textdomain_codeset("kinoloom", "UTF-8");
  textdomain("kinoloom");
  g_set_prgname("kinoloom-studio");
  kl_stalls_watch();
  g_autoptr(KlApplication) app = kl_application_new();
  return g_application_run(G_APPLICATION(app), argc, argv);
}
