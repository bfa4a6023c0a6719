import { ByteReader } from '../lib/bytes.ts'
import type { Index } from '../wire/ids.ts'
import type { Run } from '../wire/run.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { ClientStreams } from './client-streams.ts'
import type { ServerCore } from './core.ts'
import type { Expiry } from './expiry.ts'
import type { SnapshotMaker } from './snapshot-maker.ts'

/** Bytes of the log looked at in one go while applying. */
const applyBytesMax = 1024 * 1024

/**
 * Hands committed entries to the state in order, each once, and what came of them to whoever waits.
 * Not here: what an entry means (the state), when it is committed (consensus).
 */
export class Applier {
  readonly #core: ServerCore
  readonly #streams: ClientStreams
  readonly #checkpoints: Checkpoints
  readonly #expiry: Expiry
  readonly #maker: SnapshotMaker

  constructor(
    core: ServerCore,
    streams: ClientStreams,
    checkpoints: Checkpoints,
    expiry: Expiry,
    maker: SnapshotMaker,
  ) {
    this.#core = core
    this.#streams = streams
    this.#checkpoints = checkpoints
    this.#expiry = expiry
    this.#maker = maker
  }

  /** More is committed than one turn applies. */
  get hasBacklog(): boolean {
    const { replica, state } = this.#core
    return replica !== undefined && state.appliedIndex < replica.commit
  }

  turn(): void {
    const { replica, state, options } = this.#core
    if (replica === undefined || state.appliedIndex >= replica.commit) return
    const upTo = Math.min(replica.commit, state.appliedIndex + options.limits.applyEntriesMax)
    while (this.#core.state.appliedIndex < upTo) {
      for (const run of replica.log.slice(this.#core.state.appliedIndex + 1, upTo, applyBytesMax)) this.#applyRun(run)
    }
  }

  #applyRun(run: Run): void {
    this.#core.clock.observe(run.stampMs, this.#core.now)
    this.#maker.noteApplied(run.bytes.length)
    if (run.kind === 'data') {
      const reader = new ByteReader(run.bytes)
      for (let i = 0; i < run.count; i++) this.#apply(run.firstIndex + i, run.stampMs, reader.blob())
    } else {
      this.#core.state.noteApplied(run.firstIndex, run.stampMs)
      this.#checkpoints.applied(run.firstIndex)
    }
  }

  #apply(index: Index, stampMs: number, payload: Uint8Array): void {
    const applied = this.#core.state.apply(index, stampMs, payload)
    this.#checkpoints.applied(index)
    switch (applied.kind) {
      case 'result':
        this.#streams.onResult(applied.client, applied.result)
        return
      case 'registered':
        this.#core.emit({ kind: 'client-registered', client: applied.client })
        this.#streams.onRegistered(applied.nonce, applied.client)
        return
      case 'refused-registration':
        this.#streams.onRegistrationRefused(applied.nonce, applied.code)
        return
      case 'expired':
        for (const client of applied.clients) {
          this.#core.emit({ kind: 'client-expired', client, goodbye: this.#expiry.expired(client) })
          this.#streams.onExpired(client)
        }
    }
  }
}
