-- Runs of renders: what was asked, what is finished, what is needed to go on. In a project there is one for each
-- render that has begun, in a ledger there is one.
CREATE TABLE run (
  render        INTEGER PRIMARY KEY, -- of the project; 1 in a ledger
  spec          TEXT NOT NULL,       -- job JSON, resolved
  model         TEXT NOT NULL,       -- what the user called it
  identity      TEXT NOT NULL,       -- kl_model_identity, and the sum of the first frame
  engine        TEXT NOT NULL,       -- version of the program
  device        TEXT NOT NULL,       -- backend name and arithmetic: the same bytes are promised on the same one
  output        TEXT NOT NULL,       -- absolute path in a ledger
  memory_budget INTEGER NOT NULL,    -- bytes; decides whether decoding is tiled
  frames        INTEGER NOT NULL,
  chunks        INTEGER NOT NULL,
  chunk_latents INTEGER NOT NULL,    -- latent frames a chunk; 0: not recorded
  started       TEXT NOT NULL,
  state         INTEGER NOT NULL,    -- the one of `state` that holds; 0: none, it is rebuilt from the latents
  staged        INTEGER NOT NULL,    -- latents that are being written, 0: none
  changes       INTEGER NOT NULL     -- grows with every chunk
);
CREATE TABLE chunk (
  render        INTEGER NOT NULL REFERENCES run (render) ON DELETE CASCADE,
  idx           INTEGER NOT NULL,
  first_frame   INTEGER NOT NULL,
  frames        INTEGER NOT NULL,    -- in the output
  latent_frames INTEGER NOT NULL,
  channels      INTEGER NOT NULL,
  height        INTEGER NOT NULL,
  width         INTEGER NOT NULL,
  latents       INTEGER NOT NULL,    -- id in latents; a branch shares those of its parent
  prompt        TEXT NOT NULL,
  drift_mean    REAL NOT NULL,
  drift_var     REAL NOT NULL,
  offset        INTEGER NOT NULL,    -- length of the output after the chunk
  sha256        TEXT NOT NULL,       -- of the chunk's bytes in the output
  seconds       REAL NOT NULL,       -- time it took
  thumbnail     BLOB,                -- PNG
  PRIMARY KEY (render, idx)
);
-- f32, [latent_frames, channels, height, width], in parts.
CREATE TABLE latents (
  id    INTEGER NOT NULL,
  part  INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (id, part)
);
-- The state of a run (generator, caches, decoder) after its newest chunk, in parts; a clip that is sampled as a whole has
-- one after each denoising step.
CREATE TABLE state (
  render INTEGER NOT NULL REFERENCES run (render) ON DELETE CASCADE,
  id     INTEGER NOT NULL,
  part   INTEGER NOT NULL, -- -1: length and sum
  bytes  BLOB NOT NULL,
  PRIMARY KEY (render, id, part)
);
