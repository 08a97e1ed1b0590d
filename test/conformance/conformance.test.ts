/** The same scenarios for every worker and channel. If two differ, one of them or the contract is wrong. */
import { afterAll, describe } from 'vitest'
import { pythonOverZmq, simulatedOverMemory, simulatedOverZmq, startPython } from './benches.js'
import { commandScenarios } from './scenarios/commands.js'
import { planScenarios } from './scenarios/plans.js'
import { sessionScenarios } from './scenarios/session.js'
import { telemetryScenarios } from './scenarios/telemetry.js'

const python = startPython()
afterAll(() => python.close())

describe.concurrent.each([simulatedOverMemory(), simulatedOverZmq(), pythonOverZmq(python)])(
  '$name',
  (bench) => {
    sessionScenarios(bench)
    planScenarios(bench)
    commandScenarios(bench)
    telemetryScenarios(bench)
  },
)
