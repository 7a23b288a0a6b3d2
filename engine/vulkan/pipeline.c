/* Kernels: SPIR-V made from shaders/ at build time, one pipeline for each set of constants, compiled at first
 * use. */
#include "engine/vulkan/vk.h"

#include <string.h>

/* Written by glslc -mfmt=c. */
static const uint32_t mm[] =
#include "mm.inc"
    ;
static const uint32_t mv[] =
#include "mv.inc"
    ;
static const uint32_t norm[] =
#include "norm.inc"
    ;
static const uint32_t ew[] =
#include "ew.inc"
    ;
static const uint32_t move[] =
#include "move.inc"
    ;
static const uint32_t embed[] =
#include "embed.inc"
    ;
static const uint32_t attention[] =
#include "attention.inc"
    ;

static const struct {
  const uint32_t *code;
  size_t bytes;
} shaders[KL_VK_SHADERS] = {
    [KL_VK_MM] = {mm, sizeof mm},
    [KL_VK_MV] = {mv, sizeof mv},
    [KL_VK_NORM] = {norm, sizeof norm},
    [KL_VK_EW] = {ew, sizeof ew},
    [KL_VK_MOVE] = {move, sizeof move},
    [KL_VK_EMBED] = {embed, sizeof embed},
    [KL_VK_ATTENTION] = {attention, sizeof attention},
};

bool kl_vk_shaders_init(KlVkDevice *d, KlErr *err) {
  const VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, 16};
  const VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                             .pushConstantRangeCount = 1,
                                             .pPushConstantRanges = &push};
  if (!kl_vk_check(d, vkCreatePipelineLayout(d->device, &layout, NULL, &d->layout), "make a layout", err))
    return false;
  for (int i = 0; i < KL_VK_SHADERS; i++) {
    const VkShaderModuleCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                           .codeSize = shaders[i].bytes,
                                           .pCode = shaders[i].code};
    if (!kl_vk_check(d, vkCreateShaderModule(d->device, &info, NULL, &d->module[i]), "load a kernel", err))
      return false;
  }
  return true;
}

void kl_vk_shaders_free(KlVkDevice *d) {
  for (KlVkPipeline *p = d->pipelines; p;) {
    KlVkPipeline *next = p->next;
    vkDestroyPipeline(d->device, p->pipeline, NULL);
    kl_free(&p);
    p = next;
  }
  for (int i = 0; i < KL_VK_SHADERS; i++)
    if (d->module[i]) vkDestroyShaderModule(d->device, d->module[i], NULL);
  if (d->layout) vkDestroyPipelineLayout(d->device, d->layout, NULL);
}

bool kl_vk_pipeline(KlVkDevice *d, KlVkShader shader, const int32_t spec[KL_VK_SPEC], VkPipeline *out,
                    KlErr *err) {
  for (KlVkPipeline *p = d->pipelines; p; p = p->next)
    if (p->shader == shader && !memcmp(p->spec, spec, sizeof p->spec)) {
      *out = p->pipeline;
      return true;
    }
  KlVkPipeline *p = kl_calloc(1, sizeof *p);
  if (!p) return kl_fail(err, KL_ERR_OOM, "no memory for a kernel");
  p->shader = shader;
  memcpy(p->spec, spec, sizeof p->spec);
  static const VkSpecializationMapEntry entries[KL_VK_SPEC] = {{0, 0, 4}, {1, 4, 4}, {2, 8, 4}};
  const VkSpecializationInfo constants = {KL_VK_SPEC, entries, sizeof p->spec, p->spec};
  const VkComputePipelineCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = d->module[shader],
                .pName = "main",
                .pSpecializationInfo = &constants},
      .layout = d->layout};
  VkResult r = vkCreateComputePipelines(d->device, VK_NULL_HANDLE, 1, &info, NULL, &p->pipeline);
  if (!kl_vk_check(d, r, "compile a kernel", err)) {
    kl_free(&p);
    return false;
  }
  p->next = d->pipelines;
  d->pipelines = p;
  *out = p->pipeline;
  return true;
}
