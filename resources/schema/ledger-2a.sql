-- The tables of version 1 make room for those that a project has too.
ALTER TABLE job RENAME TO job_1;
ALTER TABLE chunk RENAME TO chunk_1;
ALTER TABLE state RENAME TO state_1;
