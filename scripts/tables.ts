import { type Refusal, refusals } from '../core/refusal.ts'
import { defaultLimits } from '../core/server/options.ts'
import { stateLimits } from '../core/state/limits.ts'

/** The tables of README.md that code decides. */

/** What each limit is of, and what comes when it is reached. */
const texts: Readonly<Record<string, string>> = {
  votersMax: 'servers that vote; others wait as learners',
  inflightMessagesMax: 'messages under way to a follower; then its share waits in the log',
  inflightBytesMax: 'bytes under way to a follower; then its share waits in the log',
  appendBytesMax: 'entries in one message to a follower',
  uncommittedBytesMax: 'entries not committed yet; then `BUSY`',
  requestBytesMax: 'one request; then `TOO_LARGE`',
  applyEntriesMax: 'entries applied in one turn; the rest follows in the next',
  snapshotEntries: 'entries applied since the last snapshot; then the next is made',
  snapshotBytes: 'bytes applied since the last snapshot; then the next is made',
  trailingEntries: 'entries kept behind a snapshot for members that lag',
  trailingBytes: 'bytes of those entries',
  compactEntriesMax: 'entries that one step drops from the log',
  snapshotChunkBytes: 'of a snapshot in one message',
  snapshotChunksInflight: 'chunks under way to a member',
  checkpointEntries: 'entries from one comparison of states to the next',
  creditsPerClient: 'requests of a client under way',
  readsPerClient: 'questions on a connection under way; then `BUSY`',
  readsMax: 'questions of all clients under way; then `BUSY`',
  linksMax: 'clients and administrators connected to a server; then `BUSY`',
  greetingsMax: 'connections to a server that have not said hello; then new ones are closed',
  linksPerServerMax: 'connections of one purpose from one server; then the oldest is closed',
  expiriesPerEntry: 'clients that one entry ends',
  blockBytes: 'unit of the log on disk',
  segmentBytes: 'one file of the log',
  flushBytesMax: 'log written in one flush',
  documentBytesMax: 'a document, encoded; then `TOO_LARGE`',
  keyBytesMax: 'a key or the name of a space, in UTF-8; then `TOO_LARGE`',
  deltasMax: 'changes kept beside a document before they are folded into it',
  deltaBytesMin: 'changes always kept beside a document, however small it is',
  clientsMax: 'registered clients; then `TOO_MANY_CLIENTS`',
  resultBytesMax: 'results that a client has not acknowledged; then `BUSY`',
  tombstonesMax: 'ended clients whose outcomes can be asked for; then the oldest goes',
  tombstoneBytesMax: 'ended clients and their results; then the oldest goes',
  tombstoneMs: 'how long the outcomes of an ended client can be asked for',
  tombstonesDroppedMax: 'ended clients that one entry forgets',
  listKeysMax: 'keys in one page of a listing',
  listBytesMax: 'bytes of keys in one page of a listing',
  chunkEntriesMax: 'records of a snapshot that one step writes',
}

export function limitsTable(): string {
  return table(['limit', 'default', 'of what'], [...rowsOf(defaultLimits), ...rowsOf(stateLimits)])
}

export function outcomesTable(): string {
  const rows = Object.entries<Refusal>(refusals).map(([code, { executed, retry, text }]) => {
    return [`\`${code}\``, executed === 'no' ? 'no' : 'unknown', retryText[retry], text]
  })
  return table(['code', 'executed', 'go again', 'what it says'], rows)
}

const retryText: Readonly<Record<Refusal['retry'], string>> = {
  never: 'no',
  later: 'later',
  'same-request': 'done for you, with the same number',
  'new-request': 'as a new request',
  'read-again': 'after reading again',
  'ask-outcome': 'once the outcome is known',
  operator: 'after an operator acted',
}

/** Throws for a limit without words. */
function rowsOf(limits: object): string[][] {
  return Object.entries(limits).map(([name, amount]) => {
    const text = texts[name]
    if (text === undefined) throw new Error(`scripts/tables.ts does not say what ${name} is`)
    return [`\`${name}\``, quantity(name, Number(amount)), text]
  })
}

/** The unit is in the name. */
function quantity(name: string, amount: number): string {
  const isBytes = /bytes(?:M|$)/i.test(name)
  const mebibyte = 1024 * 1024
  if (isBytes && amount % mebibyte === 0) return `${amount / mebibyte} MiB`
  if (isBytes && amount % 1024 === 0) return `${amount / 1024} KiB`
  if (isBytes) return `${amount} B`
  if (name.endsWith('Ms') && amount % 60_000 === 0) return `${amount / 60_000} min`
  return String(amount).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
