import tseslint from 'typescript-eslint'

/** Folders that compute and do nothing else. Who imports whom is in .dependency-cruiser.mjs. */
const pure = [
  'src/{schedule,weighting,record,history,samples,statistics}/**',
  'src/controller/{state,decisions}/**',
  'src/simulated/!(worker|joint-channel|spool|saved-state|session).ts',
]

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
  {
    files: pure,
    rules: {
      'no-restricted-globals': [
        'error',
        'Date',
        'performance',
        'crypto',
        'process',
        'setTimeout',
        'setInterval',
        'Promise',
        'fetch',
      ],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random' }],
      'no-restricted-syntax': [
        'error',
        { selector: ':function[async=true]', message: 'pure folders wait for nothing' },
        { selector: "TSTypeReference[typeName.name='Promise']", message: 'pure folders wait for nothing' },
      ],
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
