-- The ledger of one render: what was asked, what is finished, what is needed to go on.
PRAGMA application_id = 1263291463; -- "KLLG"
CREATE TABLE job (
  id            INTEGER PRIMARY KEY CHECK (id = 1),
  spec          TEXT NOT NULL,    -- job JSON, resolved
  model         TEXT NOT NULL,    -- what the user called it
  identity      TEXT NOT NULL,    -- kl_model_identity
  engine        TEXT NOT NULL,    -- version of the program
  device        TEXT NOT NULL,    -- backend name and arithmetic: the same bytes are promised on the same one
  output        TEXT NOT NULL,    -- absolute path
  memory_budget INTEGER NOT NULL, -- bytes; decides whether decoding is tiled
  frames        INTEGER NOT NULL,
  chunks        INTEGER NOT NULL,
  started       TEXT NOT NULL
);
CREATE TABLE chunk (
  idx           INTEGER PRIMARY KEY,
  first_frame   INTEGER NOT NULL,
  frames        INTEGER NOT NULL, -- in the output
  latent_frames INTEGER NOT NULL,
  channels      INTEGER NOT NULL,
  height        INTEGER NOT NULL,
  width         INTEGER NOT NULL,
  latents       BLOB NOT NULL,    -- f32, [latent_frames, channels, height, width]
  prompt        TEXT NOT NULL,
  drift_mean    REAL NOT NULL,
  drift_var     REAL NOT NULL,
  offset        INTEGER NOT NULL, -- length of the output after the chunk
  sha256        TEXT NOT NULL,    -- of the chunk's bytes in the output
  seconds       REAL NOT NULL     -- time it took
);
-- The state of the run (generator, caches, decoder) when `after` chunks were finished, in parts; a clip that is sampled
-- as a whole has one after each denoising step. Empty: it is rebuilt from the latents.
CREATE TABLE state (
  after INTEGER NOT NULL,
  part  INTEGER NOT NULL, -- -1: length and sum
  bytes BLOB NOT NULL,
  PRIMARY KEY (after, part)
);
PRAGMA user_version = 1;
