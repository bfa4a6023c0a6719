import { afterEach, expect, test } from 'vitest'
import { connect } from './connect.ts'
import { Documents } from './documents.ts'
import type { TransactionEntry } from './entries.ts'
import { CoterieError, NotShareableError } from './errors.ts'
import { Cleanup, freeServers, keepingLogger } from './group.contract.ts'
import type { PlainOperation } from './operations.ts'

const cleanup = new Cleanup()
afterEach(() => cleanup.run())

async function oneServer() {
  const servers = await freeServers(['a'])
  const server = await cleanup.serve({ name: 'a', servers })
  const cluster = await cleanup.connect(servers, 1000)
  return { servers, server, cluster, documents: cluster.documents }
}

/** Documents whose calls never leave. */
function unconnected(): Documents {
  const never = () => Promise.reject(new Error('this was sent'))
  return new Documents({ submit: never, ask: never })
}

test('a client that no server takes in gives up in time, and says why', async () => {
  const servers = await freeServers(['a', 'b'])
  const connecting = connect({ servers, connectTimeoutMs: 150 })
  await expect(connecting).rejects.toThrow(/no server took this client in within 150 ms: .*ECONNREFUSED/)
  await expect(connecting).rejects.toMatchObject({ code: 'TIMEOUT', executed: 'no' })
})

test.each([
  [{}, /servers: is missing; accepted is HOST:PORT, a list of them/],
  [{ servers: [] }, /servers: is empty/],
  [undefined, /options: is missing; accepted is an object/],
  [{ servers: 'here' }, /servers: "here" is not an address/],
  [{ servers: 'a:1', timeout: 5, logger: {} }, /timeout: unknown; accepted are servers, timeoutMs, .*logger/s],
  [{ servers: ['a:1', 'b:0'], timeoutMs: -1 }, /timeoutMs: -1 is not a whole number/],
])('options %j are refused with every problem', async (options, problem) => {
  const connecting = connect(options as Parameters<typeof connect>[0])
  await expect(connecting).rejects.toThrow(problem)
  await expect(connecting).rejects.toMatchObject({ code: 'BAD_CONFIG', name: 'ConfigError' })
})

test('an option of a kind that no text has is refused like any other', async () => {
  const connecting = connect({ servers: 5n as never })
  await expect(connecting).rejects.toMatchObject({ code: 'BAD_CONFIG', name: 'ConfigError' })
  await expect(connecting).rejects.toThrow(/servers: 5 is not accepted; accepted is HOST:PORT/)
})

test('refusals are errors with a code, the document and whether anything was executed', async () => {
  const { documents } = await oneServer()
  const { version } = await documents.create('s', 'k', { list: [1] })
  const refused = async (promise: Promise<unknown>, code: string, text: RegExp) => {
    await expect(promise).rejects.toBeInstanceOf(CoterieError)
    await expect(promise).rejects.toMatchObject({ code, executed: 'no', message: expect.stringMatching(text) })
  }
  await refused(documents.create('s', 'k', 1), 'EXISTS', /^create "s" "k": a document with this key exists already/)
  await refused(documents.delete('s', 'k', { ifVersion: version - 1 }), 'CONFLICT', /^delete "s" "k": .* has changed/)
  const entries: TransactionEntry[] = [
    { space: 's', key: 'new', create: 1, ifVersion: 0 },
    { space: 's', key: 'k', ifVersion: version + 7 },
  ]
  await refused(documents.transact(entries), 'CONFLICT', /^transact "s" "k"/)
  const gone: TransactionEntry = { space: 's', key: 'none', ops: [{ op: 'delete', path: ['x'] }] }
  await refused(documents.transact([{ space: 's', key: 'new', create: 1 }, gone]), 'GONE', /^transact "s" "none"/)
  const onText: PlainOperation = { op: 'set-add', path: ['list'], value: 1 }
  await refused(documents.transact([{ space: 's', key: 'k', ops: [onText] }]), 'BAD_OPERATION', /does not fit/)
  await refused(documents.create('s', 'big', 'x'.repeat(3_000_000)), 'TOO_LARGE', /size limit/)
  expect(await documents.list('s')).toEqual({ keys: ['k'], after: undefined })
})

test('every kind of operation does what it says', async () => {
  const { documents } = await oneServer()
  const { version } = await documents.create('s', 'k', {
    field: 1,
    old: 1,
    map: new Map<unknown, unknown>([
      [1, 'one'],
      ['n', 1],
    ]),
    gone: new Map([[1, 1]]),
    set: new Set([1, 2]),
    empty: new Set([1]),
    list: [1, 2, 3, 4, 5],
  })
  const shared = { shared: true }
  const ops: PlainOperation[] = [
    { op: 'set', path: ['field'], value: shared },
    { op: 'set', path: ['field', '__proto__'], value: [shared] },
    { op: 'delete', path: ['old'] },
    { op: 'map-set', path: ['map'], key: new Date(1), value: shared },
    { op: 'map-delete', path: ['map'], key: 1 },
    { op: 'map-clear', path: ['gone'] },
    { op: 'set-add', path: ['set'], value: 3 },
    { op: 'set-delete', path: ['set'], value: 1 },
    { op: 'set-clear', path: ['empty'] },
    { op: 'increment', path: ['map', 'n'], by: 0.5 },
    { op: 'increment', path: ['count'] },
    { op: 'append', path: ['list'], values: [6, { seven: 7 }] },
    { op: 'take', path: ['list'] },
    { op: 'take', path: ['list'], end: 'back' },
    { op: 'splice', path: ['list'], index: 1, deleteCount: 2, values: ['x'] },
    { op: 'assign', path: ['list'], index: 0, value: 'first' },
    { op: 'set-length', path: ['list'], length: 3 },
  ]
  const { results } = await documents.transact([{ space: 's', key: 'k', ops, ifVersion: version }])
  expect(results).toEqual([1.5, 1, 1, { seven: 7 }])
  const found = await documents.get<Record<string, unknown>>('s', 'k')
  const field = Object.defineProperty({ shared: true }, '__proto__', { value: [], enumerable: true })
  expect(Object.keys(found?.value.field ?? {})).toEqual(Object.keys(field))
  expect(found?.value).toMatchObject({
    map: new Map<unknown, unknown>([
      ['n', 1.5],
      [new Date(1), found?.value.field],
    ]),
    gone: new Map(),
    set: new Set([2, 3]),
    empty: new Set(),
    list: ['first', 'x', 5],
    count: 1,
  })
  expect(found?.value).not.toHaveProperty('old')
  await documents.transact([{ space: 's', key: 'k', ops: [{ op: 'set', path: [], value: 'whole' }] }])
  expect((await documents.get('s', 'k'))?.value).toBe('whole')
})

test('what can not be shared is refused before anything is sent, with the paths of all of it', async () => {
  const documents = unconnected()
  const ops: PlainOperation[] = [
    { op: 'set', path: ['a'], value: { f: () => 1 } },
    { op: 'append', path: ['b'], values: [1, Symbol('x')] },
    { op: 'map-set', path: [{} as string], key: new WeakSet(), value: 1 },
  ]
  const entries = [{ space: 's', key: 'k', ops }]
  const error: unknown = await documents.transact(entries).catch((thrown: unknown) => thrown)
  if (!(error instanceof NotShareableError)) throw error
  expect(error.paths).toEqual([
    'entries[0].ops[0].value.f',
    'entries[0].ops[1].values[1]',
    'entries[0].ops[2].path[0]',
    'entries[0].ops[2].key',
  ])
})

test.each<[object, RegExp]>([
  [{ space: 's', key: 1, create: 1 }, /entries\[0\]\.key is 1; it must be a string/],
  [{ space: 's', key: 'k' }, /does nothing; it needs create, delete, ops or ifVersion/],
  [{ space: 's', key: 'k', create: 1, delete: true }, /has create and delete; it can do one thing/],
  [{ space: 's', key: 'k', delete: true, ifVersion: -1 }, /ifVersion is -1; it must be the version/],
  [
    { space: 's', key: 'k', ops: [{ op: 'splice', path: [], index: 0 }] },
    /splice, which means positions: it needs the ifVer/,
  ],
  [{ space: 's', key: 'k', ops: [{ op: 'set', path: ['list', 0], value: 1 }] }, /path ends with 0, not with the name/],
  [{ space: 's', key: 'k', ops: [{ op: 'increment', path: [] }] }, /path is empty/],
  [
    { space: 's', key: 'k', ops: [{ op: 'increment', path: ['n'], by: '1' }] },
    /by is "1"; it must be a finite number or a bigint/,
  ],
  [{ space: 's', key: 'k', ops: [{ op: 'append', path: [] }] }, /values is undefined; it must be a list/],
  [
    { space: 's', key: 'k', ops: [{ op: 'push', path: [] }] },
    /op is "push": unknown op; accepted are set, delete, map-set/,
  ],
  [{ space: 's', key: 'k', ops: [{ op: 'take' }] }, /path is missing; it must be a list/],
  [{ space: 's', key: 'k', ops: [{ op: 'assign', path: [], index: -1, value: 1 }], ifVersion: 1 }, /index is -1/],
])('an entry that makes no sense is refused before anything is sent: %j', async (entry, problem) => {
  const documents = unconnected()
  const promise = documents.transact([entry as TransactionEntry])
  await expect(promise).rejects.toThrow(problem)
  await expect(promise).rejects.toMatchObject({ code: 'BAD_OPERATION', executed: 'no' })
})

const tooLong = `${'é'.repeat(512)}x`

test.each<[string, (documents: Documents) => Promise<unknown>, RegExp]>([
  [
    'transact()',
    (documents) => Reflect.apply(documents.transact, documents, []),
    /^entries is undefined; it must be a/,
  ],
  ['transact([])', (documents) => documents.transact([]), /^entries is empty; a transaction needs at least one$/],
  [
    'transact([null])',
    (documents) => documents.transact([null] as never),
    /^entries\[0\] is null; it must be an object/,
  ],
  [
    "ops: 'abc'",
    (documents) => documents.transact([{ space: 's', key: 'k', ops: 'abc' as never }]),
    /^entries\[0\]\.ops is "abc"; it must be a list$/,
  ],
  [
    'ops: [null]',
    (documents) => documents.transact([{ space: 's', key: 'k', ops: [null] as never }]),
    /^entries\[0\]\.ops\[0\] is null; it must be an object with op and path$/,
  ],
  [
    'delete: false',
    (documents) => documents.transact([{ space: 's', key: 'k', delete: false as never }]),
    /delete is false; it must be true$/,
  ],
  [
    'increment by NaN',
    (documents) =>
      documents.transact([{ space: 's', key: 'k', ops: [{ op: 'increment', path: ['n'], by: Number.NaN }] }]),
    /by is NaN; it must be a finite number or a bigint$/,
  ],
  [
    'a limit of 0',
    (documents) => documents.list('s', { limit: 0 }),
    /^list: limit is 0; it must be a whole number of at/,
  ],
  [
    'a limit of null',
    (documents) => documents.list('s', { limit: null as never }),
    /limit is null; it must be a whole/,
  ],
  ['no options', (documents) => documents.list('s', null as never), /^list: options is null; it must be an object$/],
  [
    'no options',
    (documents) => documents.delete('s', 'k', null as never),
    /^delete: options is null; it must be an obj/,
  ],
  ['no names', (documents) => documents.get(5n as never, {} as never), /space is 5; .*key is an object; it must be/s],
])('a call with %s is refused before anything is sent', async (_, call, problem) => {
  const promise = call(unconnected())
  await expect(promise).rejects.toMatchObject({ name: 'CoterieError', code: 'BAD_OPERATION', executed: 'no' })
  await expect(promise).rejects.toThrow(problem)
})

test('a key or space beyond the limit is refused as too large before anything is sent', async () => {
  const documents = unconnected()
  const calls = [documents.get('s', tooLong), documents.create(tooLong, 'k', 1), documents.list(tooLong)]
  for (const call of calls) {
    await expect(call).rejects.toThrow(/(key|space) takes 1025 bytes; at most 1024 are accepted$/)
    await expect(call).rejects.toMatchObject({ code: 'TOO_LARGE', executed: 'no' })
  }
})

test('everything that is wrong with a transaction is told at once', async () => {
  const operations = [
    { op: 'assign', path: 'x', index: -1, value: Symbol('s') },
    { op: 'take', path: [], end: 'middle' },
    { op: 'nothing' },
  ]
  const entries = [
    { space: 1, key: tooLong, create: () => 1, delete: true },
    undefined,
    { space: 's', key: 'k', ops: operations },
  ]
  const error: unknown = await unconnected()
    .transact(entries as never)
    .catch((thrown: unknown) => thrown)
  if (!(error instanceof CoterieError)) throw error
  expect(error.code).toBe('BAD_OPERATION')
  expect(error.message.split('\n  - ')).toEqual([
    '11 problems:',
    'entries[0].space is 1; it must be a string',
    'entries[0].key takes 1025 bytes; at most 1024 are accepted',
    'entries[0] has create and delete; it can do one thing',
    'entries[1] is undefined; it must be an object with space and key',
    expect.stringMatching(/^entries\[2\] has assign, which means positions: it needs the ifVersion/),
    'entries[2].ops[0].path is "x"; it must be a list',
    'entries[2].ops[0].index is -1; it must be a whole number from 0',
    'entries[2].ops[1].end is "middle"; accepted are front and back',
    expect.stringMatching(/^entries\[2\]\.ops\[2\]\.op is "nothing": unknown op; accepted are set, /),
    'entries[0].create is a function',
    'entries[2].ops[0].value is a symbol',
  ])
})

test('a document made by the same transaction may be changed by position', async () => {
  const { documents } = await oneServer()
  await documents.transact([
    { space: 's', key: 'k', create: [1, 2] },
    { space: 's', key: 'k', ops: [{ op: 'assign', path: [], index: 1, value: 'b' }] },
  ])
  expect((await documents.get('s', 'k'))?.value).toEqual([1, 'b'])
})

test('events tell of servers that come and go, and calls wait for them', async () => {
  const { servers, server, cluster, documents } = await oneServer()
  const told: string[] = []
  cluster.on('attached', (event) => told.push(`attached to ${event.server}`))
  cluster.on('detached', () => told.push('detached'))
  cluster.on('other-history', () => told.push('other-history'))
  await server.close()
  const again = cleanup.serve({ name: 'a', servers }, keepingLogger())
  await expect(documents.get('s', 'k')).resolves.toBeUndefined()
  expect(told).toEqual(['detached', 'other-history', 'attached to a'])
  expect((await again).name).toBe('a')
})

test('a call that nobody answers fails in time and says whether it may have had an effect', async () => {
  const { server, documents } = await oneServer()
  await server.close()
  const reading = documents.get('s', 'k')
  const writing = documents.create('s', 'k', 1)
  await expect(reading).rejects.toMatchObject({ code: 'TIMEOUT', executed: 'no' })
  await expect(writing).rejects.toMatchObject({ code: 'TIMEOUT', executed: 'no' })
})

test('closing waits for the calls under way and refuses new ones', async () => {
  const { cluster, documents } = await oneServer()
  const under = documents.create('s', 'k', 1)
  const closing = cluster.close()
  await expect(documents.get('s', 'k')).rejects.toMatchObject({ code: 'CLOSED', executed: 'no' })
  await expect(documents.create('s', 'l', 1)).rejects.toMatchObject({ code: 'CLOSED', executed: 'no' })
  await expect(under).resolves.toHaveProperty('version')
  await closing
  await cluster.close()
})
