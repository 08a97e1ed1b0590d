/** The public API: what a script may import from "absgd". */

// Experiments
export { defineExperiment } from './experiment/define-experiment.js'
export type {
  ArmSpec,
  Controls,
  Experiment,
  ExperimentSpec,
  Weighting,
  WorkerSpec,
} from './experiment/define-experiment.js'
export { loadExperiment } from './experiment/files/load-experiment.js'

// Durations and schedules
export { epochs, every, untilStopped } from './schedule/duration.js'
export type { Duration, DurationLike, Every, UntilStopped } from './schedule/duration.js'
export { constant, cosine, exponential, linear, off, piecewise, steps } from './schedule/anneal.js'
export { bound, join, scale, twoStage } from './schedule/combine-schedules.js'
export { warmup } from './schedule/warmup.js'
export { parseSchedule, writeSchedule } from './schedule/expression.js'
export { targetEss, targetKl } from './schedule/feedback/target-ess-and-kl.js'
export { recipe, type RecipeKind, type RecipeOptions } from './schedule/recipe/recipe.js'
export type { TargetOptions } from './schedule/feedback/target-ess-and-kl.js'
export { plateau } from './schedule/feedback/plateau.js'
export type { PlateauOptions } from './schedule/feedback/plateau.js'
export { feedback } from './schedule/feedback/custom-feedback.js'
export type { FeedbackOptions, FeedbackResult as Said } from './schedule/feedback/custom-feedback.js'
export type { ReportedStep } from './schedule/feedback/feedback-rule.js'
export type { GuardOptions } from './schedule/feedback/guard.js'
export { compile } from './schedule/compile-schedule.js'
export { describe } from './schedule/describe-schedule.js'
export type { Bounds, ControlValue, Piece, Schedule, Space } from './schedule/schedule.js'

// Runs
export { launch } from './run/launch.js'
export type { LaunchOptions } from './run/launch.js'
export type { Applied, OnReport, Run } from './experiment/run-handle.js'
export { times } from './experiment/controls/script-changes.js'
export type { Changes, SetOptions, Times } from './experiment/controls/script-changes.js'
export type { Report, ReportOptions } from './history/step-report.js'
export type { BestEvaluation, RunSummary } from './history/summarize-run.js'
export type { RunError } from './history/run-error.js'
export { suggest, suspects, whatIf } from './analysis/on-demand.js'
export type { NamedSuspect, Suspects, SuspectsOptions } from './analysis/find-suspects.js'
export type { SampleOverview } from './samples/sample-overview.js'
export type { Candidate, WhatIf, WhatIfOptions } from './analysis/try-lambdas.js'
export type { Suggestions, SuggestOptions } from './analysis/suggest-lambda.js'
export type { RecentOptions } from './analysis/recent-losses.js'
export type { Target } from './analysis/lambda-for-target.js'
export type { ClassShare, Outcome, Share } from './analysis/lambda-outcome.js'
export type { LossesRead, LossSpread } from './analysis/loss-spread.js'
export type { BoundedSuggestion, Suggestion } from './analysis/lambda-suggestions.js'

// Arms side by side
export { compareRuns } from './statistics/compare-runs.js'
export type {
  ArmFigures,
  CompareOptions,
  ComparedArm,
  ComparedMetric,
  Comparison,
  PairedDifference,
} from './statistics/compare-runs.js'
export { comparisonLines } from './ui/lines/comparison.js'
export type { ComparisonLinesOptions } from './ui/lines/comparison.js'

// Errors
export { AbsgdError } from './errors.js'
export type { ErrorCode } from './errors.js'
