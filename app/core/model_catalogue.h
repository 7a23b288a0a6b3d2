/* The models this machine has: built-in ones, the user's, and any folder or file that a path names.
 *
 * A model is four parts: transformer, text encoder, tokenizer, autoencoder; a part is one file or its shards.
 * A fifth, an upscaler for the decoded frames, may be named (model.json, `models import --upscaler`); it is
 * never looked for. Where they lie is read from model.json (written by us or by `models import`), or found
 * out by names and by the tensors inside (model_scan.c), so that the folders of other programs are read in
 * place. Headers only: listing is fast.
 *
 * Built-in models are looked for in $KINOLOOM_MODELS (folders, separated by ':') if it is set, else in the
 * installed data folder and in the source tree this program was built from; the user's in
 * $XDG_DATA_HOME/kinoloom/models. The first of a name wins: $KINOLOOM_MODELS, user, built-in. Not thread-safe
 * per object. */
#pragma once

#include "app/core/job_spec.h"
#include "engine/base/cancel.h"
#include "engine/pipelines/pipeline.h"

typedef enum {
  KL_PART_TRANSFORMER,
  KL_PART_TEXT_ENCODER,
  KL_PART_TOKENIZER,
  KL_PART_VAE,
  KL_PART_UPSCALER, /* the only one that a model need not have */
  KL_PARTS
} KlModelPart;
typedef enum {
  KL_WORDS_OBJECTS,
  KL_WORDS_MOTIONS,
  KL_WORDS_ACTIONS, /* what some objects do by themselves: "penguin dances" */
  KL_WORDS_BACKDROPS,
  KL_WORDS_SIZES,
  KL_WORDS_SPEEDS,
  KL_WORDS_COLOURS,
  KL_WORD_LISTS
} KlModelWords;

typedef struct {
  const char *text; /* a word or a phrase; belongs to the model */
  KlModelWords group;
  bool other; /* another way to say the same as the entry before */
} KlModelWord;

typedef struct {
  char *path; /* absolute */
  guint64 size;
  char *sha256; /* NULL: not recorded */
} KlModelFile;

typedef struct {
  char *name, *title, *license, *family; /* license may be NULL: not said */
  int size_multiple;           /* pixels of which sizes of about its own must be multiples; 0: not said */
  char *folder;                /* where model.json or the files lie */
  const char *origin;          /* "built-in", "imported", "folder" */
  char **parts[KL_PARTS];      /* absolute paths; of the upscaler none or one */
  GArray *recorded;            /* KlModelFile: what the index says, empty without one */
  KlJobSpec *defaults;         /* only what the model says */
  char **words[KL_WORD_LISTS]; /* what it knows, a phrase for each; empty: anything goes */
  GArray *vocabulary;          /* KlModelWord: the same with all that mean the same; see kl_model_words */
  char **examples;
} KlModel;

void kl_model_free(KlModel *m);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KlModel, kl_model_free)

/* "transformer", "text_encoder", "tokenizer", "vae", "upscaler": keys in model.json. */
const char *kl_model_part_name(KlModelPart part);
/* "objects", "motions", "actions", "backdrops", "sizes", "speeds", "colours": keys of "words", which
 * model.json holds itself or names a file of (words.json). Each is a list of phrases, or of lists of phrases
 * that mean the same. */
const char *kl_model_words_name(KlModelWords group);
/* All that the model knows, for completion: group by group, each phrase followed by those that mean the same.
 * *n: how many, 0 for models of free text. Borrowed: lives as long as m. */
const KlModelWord *kl_model_words(const KlModel *m, guint *n);
/* The same as JSON text, as in words.json. A new string. */
char *kl_model_words_text(const KlModel *m);

/* All models by name, KlModel, owned by the array. Broken ones are left out with a warning (kl_log). */
GPtrArray *kl_catalogue_list(void);
/* NULL or "": the default model, the first built-in one. A name, or a path with a '/' or one that exists: a
 * folder, a model.json, or a transformer file. KL_ERROR_INPUT; the message names what there is. */
KlModel *kl_catalogue_find(const char *name_or_path, GError **error);
/* Where `models import` writes: $XDG_DATA_HOME/kinoloom/models, unless another was chosen. A new string.
 * Thread-safe. */
char *kl_catalogue_user_folder(void);
/* Chooses it for this process; NULL: the usual one. Thread-safe. */
void kl_catalogue_set_user_folder(const char *path);

/* model.json at `path`; relative names inside are relative to its folder. KL_ERROR_INPUT. */
KlModel *kl_model_read(const char *path, const char *origin, GError **error);
/* A folder without model.json, or a transformer file with the other parts near it. KL_ERROR_INPUT says which
 * part is missing and what was looked for. */
KlModel *kl_model_scan(const char *path, GError **error);
/* Borrowed paths for the pipeline; valid as long as m. */
void kl_model_files(const KlModel *m, KlModelFiles *out);
/* Bytes of all files; 0 where one is missing. */
guint64 kl_model_bytes(const KlModel *m);

/* ---- identity (model_hash.c) ---- */
/* A cheap, sound identity for ledgers: SHA-256 over the sizes of all files and their content - all of it up
 * to 64 MiB a file, else the first MiB, the last 64 KiB and 256 blocks between. Hexadecimal, a new string.
 * KL_ERROR_INPUT. */
char *kl_model_identity(const KlModel *m, const KlCancel *cancel, GError **error);
/* SHA-256 of one file; remembered in $XDG_CACHE_HOME/kinoloom by path, size and time of change. `read` tells
 * how it is going (may be NULL). A new string. KL_ERROR_INPUT, KL_ERROR_CANCELLED. */
char *kl_file_sha256(const char *path, bool use_cache, void (*read)(void *user, guint64 bytes), void *user,
                     const KlCancel *cancel, GError **error);
/* SHA-256 over the sums of all files in order, if every one is in the cache or small; NULL otherwise. */
char *kl_model_sha256_if_known(const KlModel *m);

/* ---- import and verify (model_import.c) ---- */
typedef struct {
  const char *name;           /* NULL: from the path */
  const char *part[KL_PARTS]; /* a file to use for a part, NULL: found */
  bool copy;                  /* copy the files into the user's folder */
  bool replace;               /* an imported model of that name may be replaced */
  void (*read)(void *user, guint64 done, guint64 total);
  void *user;
  const KlCancel *cancel;
} KlImport;

/* Writes the index of the model at `path`; the model as it is then found. KL_ERROR_INPUT, KL_ERROR_EXISTS,
 * KL_ERROR_IO, KL_ERROR_CANCELLED. */
KlModel *kl_model_import(const char *path, const KlImport *how, GError **error);
/* Takes an imported model out of the list: its folder is set aside, where kl_model_restore finds it until
 * kl_model_forget_removed deletes it for good. Files that were read in place stay as they are.
 * KL_ERROR_INVALID: not an imported one; KL_ERROR_IO. */
bool kl_model_remove(const KlModel *m, GError **error);
/* The one that was removed last under this name. KL_ERROR_INPUT: there is none, KL_ERROR_EXISTS, KL_ERROR_IO.
 */
bool kl_model_restore(const char *name, GError **error);
void kl_model_forget_removed(void);
/* Every file there, sizes and sums as recorded, every weight finite. KL_ERROR_INPUT, KL_ERROR_FORMAT names
 * what is wrong. *checked (may be NULL): how many files had a recorded sum. */
bool kl_model_verify(const KlModel *m, int *checked, void (*read)(void *user, guint64 done, guint64 total),
                     void *user, const KlCancel *cancel, GError **error);
