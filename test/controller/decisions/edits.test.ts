import { describe, expect, test } from 'vitest'
import { appended, checkpoint, context, hello, sent } from '../../helpers/controller.js'
import { ack, at, plans, set, standing, to } from '../../helpers/edits.js'

describe('an edit', () => {
  test('is recorded before its rows are sent, from its step to the end of what was planned', () => {
    const controller = standing()
    const effects = controller.message(set([to('lambda', '-3', at(50))]), 'op')
    expect(appended(effects).map(({ type }) => type)).toEqual(['requested', 'edited', 'plan'])
    expect(appended(effects)[1]).toMatchObject({ control: 'lambda', before: 2, after: -3, by: 'cli' })
    const [plan] = plans(effects)
    expect(plan).toMatchObject({ planSeq: 2, firstStep: 50, count: 150 })
    expect([...plan!.columns['lambda']!]).toEqual([-3])
  })

  test('is answered with the step from which on the worker has it, late or not', () => {
    const controller = standing()
    controller.message(set([to('lambda', '-3')]), 'op')
    const effects = controller.message(ack(2, 14))
    expect(appended(effects)).toMatchObject([{ type: 'plan-ack' }, { type: 'settled', result: { step: 14 } }])
    expect(sent(effects)).toMatchObject([{ type: 'request-result', ok: true, step: 14 }])
    expect(controller.state().edits).toMatchObject([{ effective: 14, settled: true }])
  })

  test.each([
    ['with a reply of its own', 100],
    ['while its rows are on their way', 50],
  ])('is proposed once, %s', (_name, step) => {
    const checked: string[] = []
    const controller = standing({
      ...context,
      requireInRange: (control) => {
        checked.push(control)
      },
    })
    const edits = [to('lambda', '*2', at(step)), to('lambda', '*3', at(step + 1))]
    controller.message(set(edits), 'op')
    expect(checked).toEqual(['lambda', 'lambda'])
  })

  test('of a schedule begins with its own start; a factor multiplies what there is', () => {
    const controller = standing()
    const effects = controller.message(
      set([to('lambda', '4', at(100)), to('lambda', '*0.5', at(150)), to('lr', '0.25', at(100))]),
    )
    expect(plans(effects).map(({ firstStep, columns }) => [firstStep, columns['lambda']![0]])).toEqual([
      [100, 4],
      [150, 2],
    ])
    expect([...plans(effects)[0]!.columns['lr']!]).toEqual([0.25])
  })

  test('that brings in a control ends the plan before it', () => {
    const controller = standing()
    controller.message(set([to('lr', '0.25', at(100))]))
    controller.message(ack(2, 100))
    const again = controller.message(
      hello({ position: { attempt: 1, step: 10 }, plannedThrough: 20, initial: { lr: 0.1 } }),
      'p2',
    )
    expect(plans(again).map(({ firstStep, count, columns }) => [firstStep, count, 'lr' in columns])).toEqual([
      [20, 80, false],
      [100, 100, true],
    ])
  })

  test('of an unknown control is told the known ones, each once', () => {
    const edits = [to('lambda', '-3', at(50)), to('lambda', '-4', at(60)), to('foo', '1')]
    const message = expect.stringMatching(/known: lambda$/) as string
    expect(sent(standing().message(set(edits), 'op'))).toMatchObject([{ ok: false, message }])
  })

  test('that changes nothing is answered, and leaves no trace', () => {
    const controller = standing()
    const effects = controller.message(set([to('lambda', '2')]), 'op')
    expect(appended(effects)).toEqual([])
    expect(sent(effects)).toMatchObject([{ ok: true, message: 'lambda is 2 already' }])
  })

  test.each([
    ['a value outside the range', to('gamma', '1.5'), /gamma.* 1\.5; gamma takes numbers above 0, at most 1/],
    ['lambda 0', to('lambda', '0'), /lambda takes numbers other than 0/],
    ['a control that the run does not have', to('lamda', '2'), /unknown control "lamda".*"lambda"/],
    ['what the optimizer does not have', to('momentum', '0.5'), /no momentum; it has lr/],
    ['class_balance without labels', to('class_balance', '0.9'), /no labels; give Task\(labels=…\)/],
    ['a factor of what is not planned', to('lr', '*0.5'), /nothing planned to multiply; .*lr=0\.01/],
    ['a step that has begun', to('lambda', '3', at(9)), /step 9 has begun already/],
    ['a step beyond the run', to('lambda', '3', at(200)), /its last is step 199/],
  ])('is refused for %s', (_what, edit, words) => {
    const controller = standing()
    const effects = controller.message(set([to('lambda', '4'), edit]), 'op')
    expect(appended(effects).map(({ type }) => type)).toEqual(['requested', 'settled'])
    expect(sent(effects)).toMatchObject([{ ok: false, message: expect.stringMatching(words) as string }])
    expect(controller.state().edits).toEqual([])
  })
})

describe('of two edits of one control at one step', () => {
  const conflict = (first: string, second: string) => {
    const controller = standing()
    controller.message(set([to('lambda', '3', at(50))], { id: 'a', by: first }))
    const effects = controller.message(set([to('lambda', '5', at(50))], { id: 'b', by: second }), 'op')
    controller.message(ack(3, 50))
    return { controller, value: plans(effects)[0]?.columns['lambda']?.[0], effects }
  }

  test('the later counts among equals, and a person’s over a script’s over the guard’s', () => {
    expect(conflict('cli', 'cockpit').value).toBe(5)
    expect(conflict('script', 'cli').value).toBe(5)
    expect(conflict('cli', 'script').value).toBe(3)
    expect(conflict('script', 'guard').value).toBe(3)
  })

  test('the one that does not count is recorded all the same, and its answer says so', () => {
    const { controller, effects } = conflict('cli', 'script')
    expect(appended(effects).some(({ type }) => type === 'edited')).toBe(true)
    expect(Object.values(controller.state().replies).at(-1)?.message).toContain(
      'overruled by an edit of cli at the same step',
    )
  })
})

describe('an automatic checkpoint', () => {
  const edit = [to('lambda', '-3')]

  test('comes before an operator’s edit, which is made once it is written', () => {
    const controller = standing()
    const asked = controller.message(set(edit, { checkpoint: true }), 'op')
    expect(sent(asked)).toMatchObject([{ type: 'command', action: { type: 'checkpoint', automatic: true } }])
    const written = controller.message({
      type: 'command-result',
      leaseEpoch: 1,
      id: 'r1',
      ok: true,
      step: 11,
      message: '',
      follows: 2,
    })
    expect(written).toEqual([])
    const recorded = controller.telemetry(checkpoint(11))
    expect(appended(recorded).map(({ type }) => type)).toEqual(['edited', 'plan'])
    expect(sent(controller.message(ack(2, 12))).at(-1)).toMatchObject({
      message: 'lambda 2 → -3; checkpoint at step 11',
    })
  })

  test('that is refused costs the checkpoint, not the edit, and that is said', () => {
    const controller = standing()
    controller.message(set(edit, { checkpoint: true }), 'op')
    const message = 'refused: it would take 9 s'
    controller.message({ type: 'command-result', leaseEpoch: 1, id: 'r1', ok: false, step: 11, message })
    expect(sent(controller.message(ack(2, 12))).at(-1)).toMatchObject({
      ok: true,
      message: expect.stringContaining('no checkpoint: refused: it would take 9 s') as string,
    })
  })

  test('is not asked of a script, as none leads back: no return is promised either', () => {
    const controller = standing({ ...context, worker: 'script' })
    const effects = controller.message(set(edit, { checkpoint: true }), 'op')
    expect(appended(effects).map(({ type }) => type)).toEqual(['requested', 'edited', 'plan'])
    for (const action of [
      { type: 'undo' },
      { type: 'restore', step: 5, path: '', sha256: '', attempt: 1 },
    ] as const) {
      const refused = controller.message(
        { type: 'request', id: action.type, by: 'cli', why: '', action },
        'op',
      )
      expect(sent(refused)).toMatchObject([
        { ok: false, message: expect.stringContaining('start it from what the script saved') as string },
      ])
    }
  })

  test('is written once a minute at the most', () => {
    const controller = standing()
    const commands = (id: string, value: string, nowMs: number) =>
      sent(controller.message(set([to('lambda', value)], { id, checkpoint: true }), 'op', nowMs)).filter(
        ({ type }) => type === 'command',
      ).length
    expect(commands('a', '3', 1000)).toBe(1)
    expect(commands('b', '4', 60_999)).toBe(0)
    expect(commands('c', '5', 61_000)).toBe(1)
  })
})
