#include "engine/bench/bench.h"

#include "engine/base/mem.h"
#include "engine/bench/cases.h"
#include "engine/cpu/backend_cpu.h"
#include "engine/cpu/ceiling.h"
#include "engine/cpu/cpu.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CEILING_BF16, CEILING_F32, CASES = 8 };

static const KlBenchCase cases[CASES] = {
    {"ceiling-bf16", "products of 2048 x 2048 bf16 matrices: the measure of the others"},
    {"ceiling-f32", "the same in f32"},
    {"wan-step-1280",
     "one pass of Wan 2.1 T2V-1.3B over 1280 tokens (5 latent frames of 256x256), 512 text tokens"},
    {"wan-step-8190",
     "one pass of Wan 2.1 T2V-1.3B over 8190 tokens (21 latent frames of 416x240), 512 text tokens"},
    {"umt5-xxl-40", "text encoder UMT5-XXL, 40 tokens, layer by layer, packing included"},
    {"wan-vae-decode", "Wan 2.1 VAE, 127 M parameters: 17 frames of 256x256"},
    {"taehv-decode", "TAEHV taew2_1: 17 frames of 256x256"},
    {"attention", "self-attention, 12 heads of 128, 8190 tokens"},
};
static bool (*const run[CASES])(KlBenchWork *, KlErr *) = {
    NULL,
    NULL,
    kl_bench_wan_1280,
    kl_bench_wan_8190,
    kl_bench_umt5,
    kl_bench_wan_vae,
    kl_bench_taehv,
    kl_bench_attention,
};

const KlBenchCase *kl_bench_cases(size_t *n) {
  *n = CASES;
  return cases;
}

/* What the child tells the parent. */
typedef struct {
  bool ok;
  KlErr err;
  KlBenchResult result;
} Report;

static bool measure(size_t which, int threads, KlDtype dtype, KlBenchResult *out, KlErr *err) {
  KlBenchWork w = {0};
  KlBackend *b = NULL;
  KlCeiling ceiling;
  if (which == CEILING_BF16) dtype = KL_BF16;
  if (which == CEILING_F32) dtype = KL_F32;
  size_t before = kl_mem_rss();
  if (!kl_cpu_backend_new(threads, dtype, &b, err)) return false;
  bool ok = kl_cpu_ceiling(b, b->compute, &ceiling, err);
  kl_backend_trim(b);
  *out = (KlBenchResult){.dtype = b->compute, .threads = kl_cpu_threads(kl_cpu(b))};
  if (ok && run[which]) {
    w.backend = b;
    ok = run[which](&w, err);
    out->peak_bytes = kl_mem_peak_rss() - before;
    /* Once more: on a shared machine the better one is nearer to what there was to reach. */
    KlCeiling after;
    ok = ok && kl_cpu_ceiling(b, b->compute, &after, err);
    if (ok && after.wall > ceiling.wall) ceiling.wall = after.wall;
    if (ok && after.per_cpu > ceiling.per_cpu) ceiling.per_cpu = after.per_cpu;
  } else if (ok) {
    w = (KlBenchWork){.flops = 2.0 * 2048 * 2048 * 2048};
    w.seconds = w.flops * 1e-9 / ceiling.wall;
    w.cpu_seconds = w.flops * 1e-9 / ceiling.per_cpu;
    out->peak_bytes = kl_mem_peak_rss() - before;
  }
  if (ok && w.seconds > 0 && w.cpu_seconds > 0) {
    out->seconds = w.seconds;
    out->gflops = w.flops / w.seconds * 1e-9;
    out->ceiling_gflops = ceiling.wall;
    out->ceiling_per_cpu = ceiling.per_cpu;
    out->share = out->gflops / ceiling.wall;
    out->busy_share = w.flops / w.cpu_seconds * 1e-9 / ceiling.per_cpu;
  }
  kl_backend_free(&b);
  return ok;
}

static void child(int fd, size_t which, int threads, KlDtype dtype) {
  Report r;
  memset(&r, 0, sizeof r);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN); /* the parent decides */
  r.ok = measure(which, threads, dtype, &r.result, &r.err);
  ssize_t n = write(fd, &r, sizeof r); /* less than PIPE_BUF: whole or not at all */
  _exit(n == (ssize_t)sizeof r ? 0 : 1);
}

/* Waits for the report or for the end of the child, which then gives no report: *got is false. */
static bool wait_for(int fd, Report *r, bool *got, const KlCancel *cancel, KlErr *err) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  for (;;) {
    if (kl_cancelled(cancel)) return kl_fail(err, KL_ERR_CANCELLED, "cancelled");
    int ready = poll(&p, 1, 50);
    if (ready < 0 && errno != EINTR) return kl_fail(err, KL_ERR_IO, "poll: %s", strerror(errno));
    if (ready > 0) break;
  }
  *got = read(fd, r, sizeof *r) == (ssize_t)sizeof *r;
  return true;
}

static bool died(int status, KlErr *err) {
  if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
    return kl_fail(err, KL_ERR_UNSUPPORTED, "the benchmark's process crashed: %s",
                   strsignal(WTERMSIG(status)));
  return kl_fail(err, KL_ERR_OOM, "the benchmark's process was killed; most likely memory ran out");
}

bool kl_bench_case_run(const char *name, int threads, KlDtype dtype, KlBenchResult *out,
                       const KlCancel *cancel, KlErr *err) {
  size_t which = 0;
  while (which < CASES && strcmp(cases[which].name, name)) which++;
  if (which == CASES) return kl_fail(err, KL_ERR_INVALID, "no benchmark is called %.60s", name);
  int fd[2];
  Report r;
  if (pipe(fd)) return kl_fail(err, KL_ERR_IO, "pipe: %s", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) {
    close(fd[0]);
    child(fd[1], which, threads, dtype);
  }
  close(fd[1]);
  int status = 0;
  bool got = false, ok = pid > 0 ? wait_for(fd[0], &r, &got, cancel, err)
                                 : kl_fail(err, KL_ERR_IO, "fork: %s", strerror(errno));
  close(fd[0]);
  if (pid > 0) {
    if (!ok) kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
  }
  if (!ok) return false;
  if (!got) return died(status, err);
  if (!r.ok) return kl_fail(err, r.err.code, "%s: %s", name, r.err.msg);
  *out = r.result;
  return true;
}
