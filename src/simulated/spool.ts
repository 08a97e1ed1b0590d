/** Writes the spool of a worker in this process, in the format of a Python worker's (proto/README.md, "Frames of a log"). */
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Acked, Stream } from '../record/record.js'
import { createFrameWriter, type FrameWriter } from '../log/files/frame-writer.js'
import { encodeFrame } from '../log/files/frame.js'
import { runPaths } from '../log/run-paths.js'

export interface SpoolWriter {
  /** Writes the stream's next frame. Returns false if that fails; the next frame then goes into a new segment. */
  append(stream: Stream, payload: Uint8Array): boolean
  /** Syncs the stream of steps to disk. Returns false if that fails. */
  sync(): boolean
  /** Deletes the segments whose frames are all acknowledged, except the current one. */
  acknowledge(acked: Acked): void
  /** Closes the files, and deletes segments whose frames are all acknowledged. May be called twice. */
  close(): void
}

export function openSpool(dir: string, incarnation: string): SpoolWriter {
  const { spool } = runPaths(dir)
  const streams = { steps: openStream('steps'), samples: openStream('samples') }

  function openStream(stream: Stream) {
    const segments: Segment[] = []
    let last = 0
    let acked = 0

    function current(): Segment {
      const open = segments.at(-1)
      if (open !== undefined && open.frames.size() < SEGMENT_BYTES && open.last === last - 1) return open
      if (open !== undefined) closeSegment(open)
      const segment = beginSegment(spool, `${incarnation}.${stream}`, stream, last)
      segments.push(segment)
      return segment
    }

    return {
      append(payload: Uint8Array): boolean {
        last += 1
        try {
          writeFrame(current(), payload)
          return true
        } catch {
          return false
        }
      },
      sync(): boolean {
        try {
          for (const { descriptor } of segments) if (descriptor !== undefined) fsyncSync(descriptor)
          return true
        } catch {
          return false
        }
      },
      acknowledge(through: number) {
        acked = Math.max(acked, through)
        while (segments.length > 1 && segments[0]!.last <= acked) deleteSegment(segments.shift()!)
      },
      close() {
        for (const segment of segments.splice(0)) {
          closeSegment(segment)
          if (segment.last <= acked) deleteSegment(segment)
        }
      },
    }
  }

  return {
    append: (stream, payload) => streams[stream].append(payload),
    sync: () => streams.steps.sync(),
    acknowledge(acked) {
      streams.steps.acknowledge(acked.steps)
      streams.samples.acknowledge(acked.samples)
    },
    close() {
      streams.steps.close()
      streams.samples.close()
    },
  }
}

/** One file of frames with consecutive sequences. */
interface Segment {
  readonly path: string
  /** Undefined once it is closed. */
  descriptor: number | undefined
  readonly frames: FrameWriter
  last: number
}

function beginSegment(spool: string, prefix: string, stream: Stream, first: number): Segment {
  mkdirSync(spool, { recursive: true, mode: 0o700 })
  const path = join(spool, `${prefix}.${String(first).padStart(12, '0')}.log`)
  const descriptor = openSync(path, 'ax', 0o600)
  try {
    return { path, descriptor, frames: createFrameWriter(descriptor, stream), last: first - 1 }
  } catch (error) {
    closeSync(descriptor)
    rmSync(path, { force: true })
    throw error
  }
}

function writeFrame(segment: Segment, payload: Uint8Array): void {
  segment.frames.write(Buffer.concat(encodeFrame(payload)))
  segment.last += 1
}

function closeSegment(segment: Segment): void {
  if (segment.descriptor !== undefined) closeSync(segment.descriptor)
  segment.descriptor = undefined
}

function deleteSegment(segment: Segment): void {
  closeSegment(segment)
  rmSync(segment.path, { force: true })
}

/** A segment is closed at this size, so that acknowledged telemetry can be deleted soon. */
const SEGMENT_BYTES = 4 * 1024 * 1024
