/** Programs that use the package, as texts. */

const names = 'typeof serve, typeof connect, typeof CoterieError, typeof run'

export const use = {
  imports: `import { connect, CoterieError, serve } from 'coterie'
import { run } from 'coterie/sim'
console.log(${names})
`,
  requires: `const { connect, CoterieError, serve } = require('coterie')
const { run } = require('coterie/sim')
console.log(${names})
`,
  prints: 'function function function function',
} as const

/** One text for both kinds of modules: in CommonJS nothing may wait at the top. */
export const consumer = `import { type Cluster, ConfigError, connect, CoterieError } from 'coterie'
import { type Document, serve, type Server, type TransactionEntry } from 'coterie'
import { calmScenario, run, type RunResult } from 'coterie/sim'

export async function use(): Promise<number> {
  const server: Server = await serve({ name: 'a', servers: { a: '127.0.0.1:7400' } })
  const cluster: Cluster = await connect({ servers: ['127.0.0.1:7400'], timeoutMs: 1000 })
  const found: Document<{ n: number }> | undefined = await cluster.documents.get<{ n: number }>('s', 'k')
  const entry: TransactionEntry = { space: 's', key: 'k', ops: [{ op: 'increment', path: ['n'] }] }
  const { results } = await cluster.documents.transact([entry])
  await server.close()
  return (found?.value.n ?? 0) + results.length
}

export function isOurs(error: unknown): boolean {
  if (error instanceof ConfigError) return error.problems.length > 0
  return error instanceof CoterieError && error.code === 'CONFLICT' && error.executed === 'no'
}

export const result: RunResult = run('42', calmScenario('mine'), { wallMs: () => 0 })
`

/** Every line marked so is one that the types must refuse. */
export const wrongConsumer = `import { connect, serve } from 'coterie'
await serve({ name: 'a' }) // wrong
await serve({ name: 'a', servers: {}, durability: 'eventual' }) // wrong
const cluster = await connect({ servers: '127.0.0.1:7400' })
await cluster.documents.transact([{ space: 's', key: 'k', ops: [{ op: 'multiply', path: [] }] }]) // wrong
await cluster.documents.get(1, 'k') // wrong
`

/** A program that writes and reads, and prints what it read. */
export function clientOf(address: string): string {
  return `import { connect } from 'coterie'
const cluster = await connect({ servers: '${address}' })
await cluster.documents.create('s', 'k', { n: 0 })
await cluster.documents.transact([{ space: 's', key: 'k', ops: [{ op: 'increment', path: ['n'] }] }])
console.log(JSON.stringify((await cluster.documents.get('s', 'k')).value))
await cluster.close()
`
}
