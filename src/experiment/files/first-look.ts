/** What a first look at a training script has found: the answer of `absgd_worker.first_look`, which reads its text. */
import { z } from 'zod'

const argumentSchema = z.object({
  flag: z.string(),
  /** An identifier. */
  name: z.string(),
  kind: z.enum(['int', 'float', 'str', 'flag']),
  /** Null for an argument that must be given. */
  default: z.union([z.number(), z.string(), z.boolean()]).nullable(),
  choices: z.array(z.union([z.number(), z.string()])).nullable(),
})

export const findingsSchema = z.object({
  kind: z.enum(['loop', 'hugging-face', 'lightning']),
  losses: z.array(z.object({ line: z.number(), name: z.string(), captured: z.boolean() })),
  arguments: z.array(argumentSchema),
  left_out: z.array(z.string()),
  changed: z.string(),
  diff: z.string(),
  has_absgd: z.boolean(),
  /** Matches the accuracy that the script prints, the number as its group; null if it prints none. */
  metric_regex: z.string().nullable(),
})

export type ScriptArgument = z.infer<typeof argumentSchema>
export type Findings = z.infer<typeof findingsSchema>
