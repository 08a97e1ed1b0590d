/** What makes Node run the TypeScript of this project: for tests that need a process of their own. */
export const RUN_TYPESCRIPT = [
  '--import',
  new URL('../../scripts/typescript.mjs', import.meta.url).href,
] as const
