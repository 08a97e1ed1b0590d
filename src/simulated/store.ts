/** The files of a simulated worker, which whoever starts it provides: only log/ touches the files of a run. */
import type { Acked, CheckpointWritten, Position, Stream } from '../record/record.js'

export interface CheckpointStore {
  /**
   * Writes a checkpoint whole or not at all. Names those that make room for it, so that the `keep` newest stay (0: all);
   * automatic ones are counted by themselves, and the last three of them stay.
   *
   * @throws AbsgdError when the disk refuses; earlier checkpoints are untouched.
   */
  write(
    position: Position,
    bytes: Uint8Array,
    keep: number,
    automatic: boolean,
  ): Omit<CheckpointWritten, 'type' | 'position' | 'seconds'>
  /** Deletes checkpoints by path. */
  delete(paths: readonly string[]): void
  /** @throws AbsgdError when the file is missing, or its hash is not `sha256`; an empty one is not compared. */
  read(path: string, sha256: string): Uint8Array
}

/** Telemetry on disk until it is acknowledged (proto/README.md, "Frames of a log"). */
export interface TelemetrySpool {
  /** The stream's next frame. False when the disk refuses it. */
  append(stream: Stream, frame: Uint8Array): boolean
  /** Puts every frame of the steps on disk for good. False where the disk refuses that. */
  sync(): boolean
  acknowledge(acked: Acked): void
  /** Lets go of the files; what is not acknowledged stays on disk. May be called twice. */
  close(): void
}
