import tseslint from 'typescript-eslint'

/** `group` as in no-restricted-imports, by folder. test/architecture.test.ts holds the same, file by file. */
const pure = [
  'src/schedule/**',
  'src/weighting/**',
  'src/record/**',
  'src/statistics/**',
  'src/worker/simulated/**',
  'src/controller/{state,transition}.ts',
]
const ui = { group: ['ink', 'ink/*', 'react', 'react/*'], message: 'only cockpit/ draws' }
const zmq = { group: ['zeromq', 'zeromq/*'], message: 'only wire/zmq-channel.ts and its socket' }
const gen = { group: ['**/gen/**'], message: 'only wire/codec' }
const processes = { group: ['execa', 'node:child_process'], message: 'only worker/ and environment/' }
const everywhere = [ui, zmq, gen, processes]

const restrict = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] })
const without = (...allowed) => restrict(...everywhere.filter((pattern) => !allowed.includes(pattern)))

export default tseslint.config(
  { ignores: ['dist/', 'runs/', '.venv/', 'src/wire/gen/', 'python-worker/'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'max-lines': ['error', { max: 300 }],
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Code points are what terminals count.
      '@typescript-eslint/no-misused-spread': [
        'error',
        { allow: [{ from: 'lib', name: 'string' }, 'string'] },
      ],
      // With noUncheckedIndexedAccess the one way to say that an index is inside its array.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Blind to what callbacks assign.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Twins of one interface: what is synchronous in memory is not on a socket.
      '@typescript-eslint/require-await': 'off',
    },
  },
  { files: ['src/**'], rules: without() },
  {
    files: ['src/worker/**', 'src/environment/**', 'src/process/identity.ts', 'src/process/foreground.ts'],
    rules: without(processes),
  },
  { files: ['src/wire/zmq-*.ts'], rules: without(zmq) },
  { files: ['src/wire/codec.ts', 'src/wire/codec/**'], rules: without(gen) },
  {
    files: ['src/cockpit/**'],
    rules: restrict(zmq, gen, processes, {
      group: ['**/wire/**', '**/worker/**', 'node:fs', 'node:fs/*'],
      message: 'cockpit/ is given a record source and a request sender',
    }),
  },
  {
    files: pure,
    rules: {
      ...restrict(...everywhere, { group: ['node:*'], message: 'pure folders do nothing but compute' }),
      'no-restricted-globals': [
        'error',
        'Date',
        'performance',
        'crypto',
        'process',
        'setTimeout',
        'setInterval',
        'Promise',
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random' }],
    },
  },
  {
    files: ['test/**', 'bench/**', 'examples/**'],
    rules: { '@typescript-eslint/no-empty-function': 'off', '@typescript-eslint/unbound-method': 'off' },
  },
  {
    files: ['**/*.{js,mjs}'],
    ...tseslint.configs.disableTypeChecked,
  },
)
