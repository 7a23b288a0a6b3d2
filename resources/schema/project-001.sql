-- A project. Times are microseconds since 1970. Paths inside the project's folder are relative to it.
-- `removed`: 0, or when it was taken out; undo may bring it back, tidying takes away what nothing can bring back.
-- The greatest number there is: added, but undone.
CREATE TABLE project (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  title    TEXT NOT NULL,
  rate_num INTEGER NOT NULL, -- of the timeline; 0: the first clip decides
  rate_den INTEGER NOT NULL,
  width    INTEGER NOT NULL, -- of the finished video; 0: as the first clip
  height   INTEGER NOT NULL,
  created  INTEGER NOT NULL
);
CREATE TABLE setting (
  key   TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
);
CREATE TABLE asset (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  kind      INTEGER NOT NULL, -- KlAssetKind
  name      TEXT NOT NULL,
  path      TEXT NOT NULL,
  sha256    TEXT NOT NULL,
  width     INTEGER NOT NULL,
  height    INTEGER NOT NULL,
  rate_num  INTEGER NOT NULL,
  rate_den  INTEGER NOT NULL,
  frames    INTEGER NOT NULL,
  duration  REAL NOT NULL,    -- seconds
  has_audio INTEGER NOT NULL,
  embedded  INTEGER NOT NULL, -- bytes in `embedded`, 0: referenced by path
  render    INTEGER NOT NULL, -- that made it, 0: came from outside
  created   INTEGER NOT NULL,
  removed   INTEGER NOT NULL
);
CREATE TABLE asset_thumbnail (
  asset INTEGER PRIMARY KEY REFERENCES asset (id) ON DELETE CASCADE,
  png   BLOB NOT NULL
);
CREATE TABLE embedded (
  asset INTEGER NOT NULL REFERENCES asset (id) ON DELETE CASCADE,
  part  INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (asset, part)
);
CREATE TABLE render (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  job        TEXT NOT NULL,    -- JSON; as asked, and once it has begun as it is made
  parent     INTEGER NOT NULL, -- of a re-roll or branch, 0: none
  from_chunk INTEGER NOT NULL,
  output     TEXT NOT NULL,
  place      REAL NOT NULL,    -- in the queue
  state      INTEGER NOT NULL, -- KlRenderState
  error      TEXT,
  asset      INTEGER,          -- that came of it
  seconds    REAL NOT NULL,    -- that it took so far
  created    INTEGER NOT NULL,
  begun      INTEGER,          -- NULL: its adding was undone, 0: waits, 1: undo leaves it alone
  removed    INTEGER NOT NULL
);
CREATE TABLE track (
  id    INTEGER PRIMARY KEY AUTOINCREMENT,
  kind  INTEGER NOT NULL, -- KlTrackKind
  place INTEGER NOT NULL,
  name  TEXT NOT NULL,
  muted INTEGER NOT NULL
);
-- Positions and lengths are frames of the project's rate.
CREATE TABLE clip (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  track   INTEGER NOT NULL REFERENCES track (id),
  asset   INTEGER NOT NULL REFERENCES asset (id),
  start   INTEGER NOT NULL,
  length  INTEGER NOT NULL,
  begins  REAL NOT NULL,   -- seconds into the asset
  fade    INTEGER NOT NULL,
  gain_db REAL NOT NULL
);
CREATE INDEX clip_track ON clip (track);
CREATE INDEX clip_asset ON clip (asset);
-- Steps of undo: changesets of SQLite's session extension. Those undone are newer than all that are not.
CREATE TABLE undo (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  label   TEXT NOT NULL,
  merge   TEXT,
  began   INTEGER NOT NULL,
  ended   INTEGER NOT NULL,
  undone  INTEGER NOT NULL,
  changes BLOB NOT NULL
);
