INSERT INTO run SELECT 1, spec, model, identity, engine, device, output, memory_budget, frames, chunks, 0, started,
                       CASE WHEN EXISTS (SELECT * FROM state_1) THEN 1 ELSE 0 END, 0, 0 FROM job_1;
INSERT INTO chunk SELECT 1, idx, first_frame, frames, latent_frames, channels, height, width, idx + 1, prompt, drift_mean,
                         drift_var, offset, sha256, seconds, NULL FROM chunk_1;
INSERT INTO latents SELECT idx + 1, 0, latents FROM chunk_1;
INSERT INTO state SELECT 1, 1, part, bytes FROM state_1;
DROP TABLE state_1;
DROP TABLE chunk_1;
DROP TABLE job_1;
