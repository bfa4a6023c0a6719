/** The simulator for authors of scenarios: `coterie/sim`. */
export type { Findings } from './checkers/findings.ts'
export type { AppliedRequest, CheckResult, CommittedEntry, FinalState, HeldDocument } from './checkers/types.ts'
export { type CommandOptions, command } from './command.ts'
export { type SimDiskSettings, simDiskDefaults } from './disk.ts'
export type { Action, Ending, History, Observation, Operation } from './history.ts'
export { calmPath, type PathSettings } from './path.ts'
export { createDice, type Dice } from './prng.ts'
export { drawScenario, type Registry, registryOf, type ScenarioPlan } from './registry.ts'
export { type RunOptions, type RunResult, run, type Verdict } from './run.ts'
export { lineOf, type RunLine } from './run-line.ts'
export {
  type Fault,
  type FaultKind,
  faultKinds,
  type PartitionShape,
  partitionShapes,
  type Scenario,
  type Target,
} from './scenario.ts'
export {
  calmScenario,
  drawBursts,
  drawClockRate,
  drawFault,
  drawFaults,
  drawPath,
  drawRate,
  smallLimits,
} from './swarm.ts'
export type { TraceStep } from './trace.ts'
export { type StoryLine, World } from './world.ts'
