import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { createFeed } from '../../../src/ui/cockpit/feed/feed.js'
import { shownStatusOf } from '../../../src/ui/cockpit/feed/run-state.js'
import type { RunSource } from '../../../src/ui/cockpit/feed/source.js'
import { createScreen, type TerminalStream } from '../../../src/ui/cockpit/terminal.js'
import type { LogRecord } from '../../../src/record/record.js'
import { ended, manifest, records } from '../../helpers/records.js'
import { trained } from './views.js'

function source(more: Partial<RunSource> = {}): RunSource {
  return {
    manifest: manifest(),
    dir: '/runs/digits-1',
    async *records() {
      yield records(trained)
      yield []
    },
    async *samples() {},
    isDriven: () => false,
    workerLines: () => ['a line'],
    ask: () => Promise.reject(new Error('nobody')),
    comeBack: '',
    resume: '',
    ...more,
  }
}

describe('a feed', () => {
  test('reads a run as far as it goes, then knows how it stands', async () => {
    const abort = new AbortController()
    const feed = createFeed(source(), () => undefined)
    expect(shownStatusOf(feed.state())).toEqual({ type: 'reading' })
    const reading = feed.read(abort.signal)
    await feed.caughtUp
    expect(shownStatusOf(feed.state())).toEqual({ type: 'no-controller' })
    expect(feed.state()).toMatchObject({ workerLines: ['a line'], wasDriven: false })
    expect(feed.state().snapshot.position).toBe(40)
    abort.abort()
    await reading
  })

  test('begins anew with a run that was taken up again', async () => {
    const abort = new AbortController()
    let readings = 0
    let again = () => {}
    const readAgain = new Promise<void>((resolve) => (again = resolve))
    const feed = createFeed(
      source({
        async *records(signal: AbortSignal): AsyncGenerator<readonly LogRecord[]> {
          readings += 1
          yield records(readings === 1 ? [...trained, ended(40)] : trained)
          if (readings === 1) return
          yield []
          again()
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
        },
        isDriven: () => readings > 0,
      }),
      () => undefined,
    )
    const reading = feed.read(abort.signal)
    await readAgain
    expect(shownStatusOf(feed.state())).toEqual({ type: 'working', phase: 'training' })
    expect(feed.state().snapshot.position).toBe(40)
    abort.abort()
    await reading
  })

  test('fails as its source does', async () => {
    const feed = createFeed(
      source({
        records: () => {
          throw new Error('the disk is gone')
        },
      }),
      () => undefined,
    )
    await expect(feed.read(new AbortController().signal)).rejects.toThrow('the disk is gone')
  })
})

describe('the screen', () => {
  function entered(stream: TerminalStream, resized: () => void) {
    const screen = createScreen(stream, resized)
    screen.enter()
    return screen
  }

  function terminal() {
    const events = new EventEmitter()
    const written: string[] = []
    const stream: TerminalStream = {
      columns: 10,
      rows: 3,
      write: (text) => written.push(text),
      on: (event, listener) => events.on(event, listener),
      off: (event, listener) => events.off(event, listener),
    }
    return { stream, written, resize: () => events.emit('resize') }
  }

  test('writes the rows that changed, at their places, and never below the terminal', () => {
    const { stream, written } = terminal()
    const screen = entered(stream, () => undefined)
    screen.stream.write('one\ntwo\nthree\nfour')
    screen.stream.write('one\nTWO\nthree\nfour')
    screen.stream.write('one\nTWO\nthree\nfour')
    expect(written).toHaveLength(3)
    expect(written[1]).toMatch(/one[^]*two[^]*three/)
    expect(written[1]).not.toContain('four')
    expect(written[2]).toBe('\x1b[?2026h\x1b[2;1H\x1b[0m\x1b[2KTWO\x1b[?2026l')
  })

  test('is drawn whole again after a change of size', () => {
    const { stream, written, resize } = terminal()
    let resized = 0
    const screen = entered(stream, () => (resized += 1))
    screen.stream.write('one\ntwo')
    resize()
    screen.stream.write('one\ntwo')
    expect(resized).toBe(1)
    expect(written.at(-1)).toMatch(/one[^]*two/)
  })

  test('gives the terminal back once, and writes nothing after that', () => {
    const { stream, written } = terminal()
    const screen = entered(stream, () => undefined)
    screen.leave()
    screen.leave()
    screen.stream.write('late')
    expect(written.slice(1)).toEqual(['\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l'])
  })
})
