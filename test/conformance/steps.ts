/** The reported steps and samples of a controller, one by one. */
import type { Scripted } from './scripted.js'

export interface Step {
  readonly attempt: number
  readonly step: number
  readonly controls: Readonly<Record<string, number>>
  /** Statistics of the main weighing. */
  readonly sumW: number
  readonly meanLoss: number
  readonly freeEnergy: number
  readonly waits: number
}

export function stepsOf(controller: Scripted): Step[] {
  return controller
    .bodies('step-batch')
    .flatMap(({ attempt, firstStep, count, controls, weighings, waits }) =>
      Array.from({ length: count }, (_, i) => ({
        attempt,
        step: firstStep + i,
        controls: Object.fromEntries(Object.entries(controls).map(([name, values]) => [name, values[i]!])),
        sumW: weighings[0]!.sumW[i]!,
        meanLoss: weighings[0]!.meanLoss[i]!,
        freeEnergy: weighings[0]!.freeEnergy[i]!,
        waits,
      })),
    )
}

export interface Sampled {
  readonly attempt: number
  readonly step: number
  readonly losses: readonly number[]
  readonly weights: readonly number[]
  readonly indices: readonly number[]
}

export function samplesOf(controller: Scripted): Sampled[] {
  return controller.bodies('sample-batch').flatMap(({ attempt, steps }) =>
    steps.map(({ step, losses, weights, indices }) => ({
      attempt,
      step,
      losses: [...losses],
      weights: [...weights],
      indices: [...indices],
    })),
  )
}

/** Plans 20 steps, and waits until they are reported. */
export async function train20(controller: Scripted): Promise<void> {
  await controller.admitted()
  controller.plan(TO_20)
  await controller.until(() => stepsOf(controller).length === 20, '20 steps')
}

export const TO_20 = { firstStep: 0, count: 20, columns: { lambda: 2, gamma: 0.5, lr: 0.05 } } as const

/** The numbers from `from` on. */
export function range(count: number, from = 0): number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}
