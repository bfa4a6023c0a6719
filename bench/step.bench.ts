import { BenchGroup } from './group.ts'
import { createDocuments, loadDocuments, setField } from './load-documents.ts'
import type { MicroCase } from './micro.ts'

/** One turn of a client with so many commits, and everything that servers do until all are acknowledged. */
function turns(servers: number, batch: number): MicroCase {
  return {
    name: `${servers} server${servers > 1 ? 's' : ''}, ${batch} commit${batch > 1 ? 's' : ''} a turn, each`,
    count: batch,
    prepare() {
      const group = new BenchGroup({ servers, durability: 'memory' })
      group.submit(createDocuments(0, loadDocuments))
      group.advance(() => group.settled === 1)
      let n = 0
      return () => {
        group.nowMs += 0.1
        for (let i = 0; i < batch; i++) group.submit(setField(++n))
        group.settle()
        if (group.settled !== n + 1) throw new Error('a commit was not acknowledged within its turn')
      }
    },
  }
}

/** What all machines together cost for each commit, without sockets and files: client, leader and followers. */
export const stepCases: readonly MicroCase[] = [turns(1, 1), turns(1, 256), turns(3, 1), turns(3, 256)]
