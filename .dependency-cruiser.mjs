/**
 * Who imports whom in src/: the one table. Types count, and a circle is an error. `npm run check` holds it.
 * A room is a folder of src/ with all that is below it; ui/ has three.
 */
const rooms = {
  utils: [],
  record: [],
  weighting: ['record'],
  history: ['record', 'weighting'],
  samples: ['record', 'history'],
  statistics: ['history'],
  review: [],
  schedule: ['weighting', 'utils'],
  process: [],
  wire: ['record', 'utils'],
  worker: ['record', 'wire', 'process', 'utils'],
  environment: ['wire', 'utils'],
  log: ['record', 'history', 'wire', 'process', 'utils'],
  simulated: ['record', 'weighting', 'wire', 'log', 'process', 'utils'],
  analysis: ['record', 'history', 'samples', 'review', 'weighting', 'log'],
  experiment: ['record', 'history', 'schedule', 'weighting', 'utils'],
  controller: ['record', 'history', 'schedule', 'weighting', 'wire', 'log', 'process', 'utils'],
  run: [
    'analysis',
    'controller',
    'experiment',
    'schedule',
    'environment',
    'worker',
    'simulated',
    'samples',
    'history',
    'record',
    'log',
    'wire',
    'process',
    'utils',
  ],
  'ui/text': ['record', 'history'],
  'ui/lines': [
    'ui/text',
    'record',
    'history',
    'samples',
    'statistics',
    'review',
    'weighting',
    'analysis',
    'experiment',
  ],
  'ui/cockpit': ['ui/lines', 'ui/text', 'record', 'history', 'samples'],
  cli: [
    'run',
    'ui/cockpit',
    'ui/lines',
    'ui/text',
    'analysis',
    'log',
    'samples',
    'review',
    'history',
    'record',
    'experiment',
    'schedule',
    'statistics',
    'environment',
    'worker',
    'process',
    'utils',
  ],
}
/** Everybody may import these. */
const COMMON = '^src/(errors|version)\\.ts$'

const mayImport = Object.entries(rooms).map(([room, others]) => ({
  name: `${room.replace('/', '-')}-imports`,
  comment: `src/${room} may import ${others.join(', ') || 'no other room'}`,
  severity: 'error',
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: [COMMON, `^src/(${[room, ...others].join('|')})/`] },
}))

/** A package or a part of Node, and the only files that may use it. */
const only = (name, to, from, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^src/', pathNot: from },
  to,
})
const npm = (name) => ({ path: `node_modules/${name}/` })
const core = (name) => ({ dependencyTypes: ['core'], path: `^(node:)?${name}(/|$)` })

/** Files that compute and do nothing else: no package but these, no part of Node. ESLint forbids their clocks and promises. */
const PURE =
  '^src/(schedule|weighting|record|history|samples|statistics|controller/(state|decisions)|simulated/(?!(worker|joint-channel|spool|saved-state|session)\\.ts))'

export default {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    ...mayImport,
    {
      name: 'room-without-rule',
      comment: 'add the folder to `rooms`',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/(${Object.keys(rooms).join('|')})/` },
      to: {},
    },
    {
      name: 'controller-state-decides-nothing',
      severity: 'error',
      from: { path: '^src/controller/state/' },
      to: { path: '^src/controller/decisions/' },
    },
    {
      name: 'cockpit-is-given-its-runs',
      comment: 'the cockpit opens no file and no socket: it is given a record source and a request sender',
      severity: 'error',
      from: { path: '^src/ui/' },
      to: core('(fs|child_process|net)'),
    },
    only('zeromq', npm('zeromq'), '^src/wire/zmq-', 'only wire/zmq-*.ts hold sockets'),
    only('protobuf', npm('@bufbuild'), '^src/wire/(codec|gen)', 'only wire/codec knows protobuf'),
    only(
      'generated',
      { path: '^src/wire/gen/' },
      '^src/wire/(codec|gen)',
      'only wire/codec knows generated code',
    ),
    only('ink', npm('(ink|react)'), '^src/ui/cockpit/', 'only the cockpit draws with ink'),
    only(
      'execa',
      npm('execa'),
      '^src/(process|environment)/',
      'only process/ and environment/ start processes',
    ),
    only(
      'child-process',
      core('child_process'),
      '^src/(process|environment)/',
      'only process/ and environment/ start processes',
    ),
    {
      name: 'pure',
      comment: 'these folders compute: no file, no socket, no library that acts',
      severity: 'error',
      from: { path: PURE },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-imports',
      comment: 'what computes imports what computes, and types of messages',
      severity: 'error',
      from: { path: PURE },
      to: { path: '^src/', pathNot: [COMMON, PURE, '^src/(simulated/|utils/|wire/(channel|message)\\.ts)'] },
    },
    {
      name: 'pure-libraries',
      severity: 'error',
      from: { path: PURE },
      to: { path: 'node_modules/', pathNot: 'node_modules/@stdlib/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|test|bench|examples)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
    },
  },
}
