/** The public API: what a script may import from "absgd". */

// Experiments
export { defineExperiment } from './experiment/experiment.js'
export type {
  ArmSpec,
  Controls,
  Experiment,
  ExperimentSpec,
  OnReport,
  Weighting,
  WorkerSpec,
} from './experiment/experiment.js'
export { loadExperiment } from './experiment/load.js'

// Durations and schedules
export { epochs, every, untilStopped } from './schedule/duration.js'
export type { Duration, DurationLike, Every, UntilStopped } from './schedule/duration.js'
export { constant, cosine, exponential, linear, off, piecewise, steps } from './schedule/anneal.js'
export { bound, join, scale, twoStage, warmup } from './schedule/compose.js'
export { parseSchedule, writeSchedule } from './schedule/expression.js'
export { targetEss, targetKl } from './schedule/feedback/target.js'
export type { TargetOptions } from './schedule/feedback/target.js'
export { plateau } from './schedule/feedback/plateau.js'
export type { PlateauOptions } from './schedule/feedback/plateau.js'
export { feedback } from './schedule/feedback/custom.js'
export type { FeedbackOptions, Said } from './schedule/feedback/custom.js'
export type { ReportedStep } from './schedule/feedback/rule.js'
export type { GuardOptions } from './schedule/feedback/guard.js'
export { compile } from './schedule/compile.js'
export { describe } from './schedule/describe.js'
export type { Bounds, ControlValue, Piece, Schedule, Space } from './schedule/schedule.js'

// Runs
export { launch } from './launch.js'
export type { LaunchOptions } from './launch.js'
export type { Applied, Run } from './run.js'
export { times } from './experiment/changes.js'
export type { Changes, SetOptions, Times } from './experiment/changes.js'
export type { ReportOptions } from './report-feed.js'
export type { Report } from './record/report.js'
export type { BestEvaluation, RunSummary } from './record/summary.js'
export type { RunError } from './record/run-error.js'
export { suspects } from './operator/suspects.js'
export type { NamedSuspect, Suspects, SuspectsOptions } from './operator/suspects.js'
export type { SampleOverview } from './record/sample-overview.js'
export { whatIf } from './operator/what-if.js'
export type { Candidate, WhatIf, WhatIfOptions } from './operator/what-if.js'
export { suggest } from './operator/suggest.js'
export type { Suggestions, SuggestOptions } from './operator/suggest.js'
export type { RecentOptions } from './operator/recent-losses.js'
export type { ClassShare, Outcome, Share, Target } from './weighting/what-if.js'
export type { LossesRead, LossSpread } from './weighting/spread.js'
export type { BoundedSuggestion, Suggestion } from './weighting/suggestion.js'

// Arms side by side
export { compareRuns } from './statistics/comparison.js'
export type {
  ArmFigures,
  CompareOptions,
  ComparedArm,
  ComparedMetric,
  Comparison,
  PairedDifference,
} from './statistics/comparison.js'
export { comparisonLines } from './output/comparison.js'
export type { ComparisonLinesOptions } from './output/comparison.js'

// Errors
export { AbsgdError } from './errors.js'
export type { ErrorCode } from './errors.js'
