/** SGD with momentum, weight decay and clipping, as torch has them. */
import { SIMULATION } from './data.js'

export interface OptimizerState {
  readonly parameters: Float64Array
  readonly velocity: Float64Array
  readonly settings: Readonly<Record<Setting, number>>
}

export interface Optimizer {
  readonly parameters: Float64Array
  /** Sets what the row plans, and returns what holds now. */
  adopt(row: Readonly<Record<string, number>>): Readonly<Record<Setting, number>>
  /** Takes `gradient` over. */
  step(gradient: Float64Array, clipNorm?: number): void
  state(): OptimizerState
  restore(state: OptimizerState): void
}

export function createOptimizer(parameters: Float64Array): Optimizer {
  const velocity = new Float64Array(parameters.length)
  let settings: Record<Setting, number> = { ...SIMULATION.optimizer }
  return {
    parameters,
    adopt(row) {
      for (const name of SETTINGS) settings[name] = row[name] ?? settings[name]
      return { ...settings }
    },
    step(gradient, clipNorm = Infinity) {
      const { lr, momentum, weight_decay: decay } = settings
      const scale = scaleOf(gradient, clipNorm)
      for (let i = 0; i < parameters.length; i++) {
        velocity[i] = momentum * velocity[i]! + scale * gradient[i]! + decay * parameters[i]!
        parameters[i]! -= lr * velocity[i]!
      }
    },
    state: () => ({ parameters, velocity, settings }),
    restore(state) {
      parameters.set(state.parameters)
      velocity.set(state.velocity)
      settings = { ...state.settings }
    },
  }
}

/** What brings the gradient's norm down to `norm`: at most 1. */
function scaleOf(gradient: Float64Array, norm: number): number {
  if (norm === Infinity) return 1
  const own = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0))
  return Math.min(1, norm / (own + 1e-6))
}

export type Setting = keyof typeof SIMULATION.optimizer
const SETTINGS = Object.keys(SIMULATION.optimizer) as readonly Setting[]
