// The client of a load run, in a process of its own: `load-client machine|promises ADDRESS...`
import { randomBytes } from 'node:crypto'
import { ClientMachine } from '../core/client/client-machine.ts'
import type { ClientEffect, ClientInput } from '../core/client/io.ts'
import type { Transaction } from '../core/wire/command.ts'
import type { Cluster } from '../node/cluster.ts'
import { connect } from '../node/connect.ts'
import { type Beat, type HostEffect, MachineHost } from '../node/machine-host.ts'
import { TcpTransport } from '../transports/tcp/tcp-transport.ts'
import { createDocuments, keyOf, loadDocuments, loadSpace, setField, textOf } from './load-documents.ts'
import { LoadDriver, type Submitter } from './load-driver.ts'
import type { FromClient, ToClient } from './load-protocol.ts'
import { endWithParent, usedBy } from './process-side.ts'

type Own = Exclude<ClientInput, Beat>
type Other = Exclude<ClientEffect, HostEffect>

const timeoutMs = 30_000
/** Calls are numbered by slot, so that an answer finds its own without a table. */
const slotsMax = 4096
/** The slot of the commit that makes the documents. */
const makingSlot = slotsMax - 1

/** The client machine in its host, as `connect` runs it, without promises on top. */
class MachineClient implements Submitter {
  onSettled: (slot: number) => void = () => {}
  readonly #transport: TcpTransport
  readonly #host: MachineHost<Own, Other>
  #calls = 0

  constructor(addresses: readonly string[]) {
    this.#transport = new TcpTransport((input) => this.#host.feed(input))
    this.#host = new MachineHost<Own, Other>({
      machine: new ClientMachine({ addresses, group: undefined }, randomBytes(32)),
      transport: this.#transport,
      startDisk: () => {},
      onEffect: (effect) => this.#onEffect(effect),
      onFailure: (error) => {
        throw error
      },
    })
    this.#host.start()
  }

  used() {
    return usedBy(this.#transport)
  }

  submit(slot: number, n: number): void {
    this.#send(slot, setField(n))
  }

  /** Resolves when the documents are there; waits for the group to form. */
  make(): Promise<void> {
    return new Promise((resolve) => {
      this.onSettled = () => resolve()
      this.#send(makingSlot, createDocuments(0, loadDocuments))
    })
  }

  #send(slot: number, transaction: Transaction): void {
    this.#host.feed({ kind: 'submit', call: ++this.#calls * slotsMax + slot, transaction, timeoutMs })
  }

  #onEffect(effect: Other): void {
    if (effect.kind === 'failed') throw new Error(`a commit failed: ${effect.code}`)
    if (effect.kind !== 'settled') return
    const { outcome, call } = effect
    if (outcome.kind !== 'executed') throw new Error(`a commit was ${outcome.kind}`)
    this.onSettled(call % slotsMax)
  }
}

/** What `connect` gives to an application: one promise for each commit. */
class PromiseClient implements Submitter {
  onSettled: (slot: number) => void = () => {}
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Messages are counted with the other client: they are the same. */
  used() {
    const { user, system } = process.cpuUsage()
    return { cpuUs: user + system, framesOut: 0, bytesOut: 0, writes: 0 }
  }

  submit(slot: number, n: number): void {
    void this.#commit(slot, n)
  }

  async #commit(slot: number, n: number): Promise<void> {
    const key = keyOf((n * 7) % loadDocuments)
    const ops = [{ op: 'set', path: ['field'], value: textOf(n) }] as const
    await this.#cluster.documents.transact([{ space: loadSpace, key, ops }])
    this.onSettled(slot)
  }
}

async function clientOf(kind: string, addresses: readonly string[]): Promise<Submitter> {
  if (kind === 'promises') return new PromiseClient(await connect({ servers: addresses }))
  const client = new MachineClient(addresses)
  await client.make()
  return client
}

const [kind = '', ...addresses] = process.argv.slice(2)
const tell = (message: FromClient) => process.send?.(message)
endWithParent()
const client = await clientOf(kind, addresses)
process.on('message', (message: ToClient) => {
  if (message.kind === 'stop') process.exit(0)
  else new LoadDriver(client, message, tell).start()
})
tell({ kind: 'ready' })
