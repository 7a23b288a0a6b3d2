#include "ui/resources.h"

#include "ui-resources.h"

void kl_ui_resources_register(void) {
  kl_ui_register_resource();
}
