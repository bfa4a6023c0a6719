// One server of a load run, in a process of its own: `load-server NAME DURABILITY FOLDER NAME=ADDRESS...`
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { must } from '../core/lib/assert.ts'
import type { ServerEffect, ServerInput } from '../core/server/io.ts'
import { defaultLimits, defaultTiming } from '../core/server/options.ts'
import { ServerMachine } from '../core/server/server-machine.ts'
import type { ServerName } from '../core/wire/ids.ts'
import { NodeDisk } from '../node/disk.ts'
import { type Beat, type HostEffect, MachineHost } from '../node/machine-host.ts'
import { TcpTransport } from '../transports/tcp/tcp-transport.ts'
import type { FromServer, ToServer } from './load-protocol.ts'
import { endWithParent, usedBy } from './process-side.ts'

const [name = '', durability = '', folder = '', ...pairs] = process.argv.slice(2)
const servers = new Map(pairs.map((pair) => pair.split('=') as [ServerName, string]))
const disk = durability === 'fsync' ? NodeDisk.open(folder) : undefined
let flushes = 0

const machine = ServerMachine.open(
  {
    name: name as ServerName,
    servers,
    durability: disk === undefined ? 'memory' : 'fsync',
    timing: defaultTiming,
    limits: defaultLimits,
  },
  { entropy: randomBytes(64), wallMs: Date.now(), disk: disk?.reader(), listens: true },
  performance.now(),
)
if ('refused' in machine) throw new Error(machine.text)

const transport = new TcpTransport((input) => host.feed(input))
const host = new MachineHost<Exclude<ServerInput, Beat>, Exclude<ServerEffect, HostEffect>>({
  machine,
  transport,
  startDisk: (op) => {
    if (op.op === 'write' && op.sync) flushes++
    disk?.start(op, (input) => host.feed(input))
  },
  onEffect: (effect) => {
    if (effect.kind === 'stop') process.exit(effect.reason === 'stopped' ? 0 : 1)
  },
  onFailure: (error) => {
    throw error
  },
})

const tell = (message: FromServer) => process.send?.(message)
endWithParent()
process.on('message', (message: ToServer) => {
  if (message.kind === 'stop') process.exit(0)
  else tell({ kind: 'sample', role: machine.status().role, flushes, ...usedBy(transport) })
})
await transport.listen(must(servers.get(name as ServerName), 'a server knows its own address'))
host.start()
tell({ kind: 'ready' })
