// Counts in a document that three servers keep, and goes on counting while servers are killed and started again.
// See README.md in this folder.
import { CoterieError, connect } from 'coterie'

const servers = process.argv[2]?.split(',') ?? ['127.0.0.1:7400', '127.0.0.1:7401', '127.0.0.1:7402']
const counts = Number(process.argv[3] ?? Number.POSITIVE_INFINITY)

const cluster = await connect({ servers })
cluster.on('attached', ({ server }) => console.log(`attached to ${server}`))
cluster.on('detached', ({ reason }) => console.log(`detached: ${reason}`))

try {
  await cluster.documents.create('examples', 'counter', { count: 0 })
} catch (error) {
  // Somebody else made it: then that one is ours, too.
  if (!(error instanceof CoterieError) || error.code !== 'EXISTS') throw error
}

for (let i = 0; i < counts; i++) {
  const began = performance.now()
  // Executed once, however often it has to be sent: if it fails, `error.executed` says whether it may have counted.
  const { results } = await cluster.documents.transact([
    { space: 'examples', key: 'counter', ops: [{ op: 'increment', path: ['count'] }] },
  ])
  console.log(`${results[0]} after ${(performance.now() - began).toFixed(1)} ms`)
  await new Promise((resolve) => setTimeout(resolve, 100))
}

await cluster.close()
