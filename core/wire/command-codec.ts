import { assert, unreachable } from '../lib/assert.ts'
import { ByteReader, ByteWriter, Malformed } from '../lib/bytes.ts'
import { type RefusalCode, refusalCodes } from '../refusal.ts'
import type { Answer, Command, Outcome, Query, ReadVersion, Transaction, Write } from './command.ts'
import { type ClientIndex, isHistoryId } from './ids.ts'

/** Positions are the bytes on the wire: append only. */
const commandKinds = ['found', 'register', 'request', 'expire', 'clock'] as const
const bodyKinds = ['transaction', 'cancel'] as const
const writeKinds = ['create', 'delete', 'change'] as const
const outcomeKinds = ['executed', 'refused', 'cancelled'] as const
const queryKinds = ['get', 'list', 'outcome', 'barrier'] as const
const answerKinds = ['absent', 'document', 'listing', 'outcome', 'barrier'] as const
const outcomeStatuses = ['known', 'not-executed', 'acknowledged', 'unknown'] as const

/** How many bytes a registration's nonce has. */
export const nonceBytes = 16

type Request = Extract<Command, { kind: 'request' }>

/** Shared, for a buffer per command would cost more than writing a small one. */
const writer = new ByteWriter(4096)

/** The payload of a `data` entry. Equal commands have equal bytes. */
export function encodeCommand(command: Command): Uint8Array {
  writer.reset()
  writeCommand(writer, command)
  return writer.take()
}

/**
 * The command, sharing the payload's bytes; `undefined` when the payload is not one. This is the door that catches
 * `Malformed`.
 */
export function decodeCommand(payload: Uint8Array): Command | undefined {
  try {
    const reader = new ByteReader(payload)
    const command = readCommand(reader)
    reader.end()
    return command
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

/**
 * Whose request this is and its number, without reading the rest; `undefined` when the payload does not begin like a
 * request.
 */
export function peekRequest(payload: Uint8Array): { client: ClientIndex; number: number } | undefined {
  try {
    const reader = new ByteReader(payload)
    if (readKind(reader, commandKinds) !== 'request') return undefined
    return { client: readClient(reader), number: readPositive(reader) }
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

export function writeOutcome(writer: ByteWriter, outcome: Outcome): void {
  writer.u8(outcomeKinds.indexOf(outcome.kind))
  switch (outcome.kind) {
    case 'executed':
      writeBlobs(writer, outcome.results)
      break
    case 'refused':
      writer.u8(refusalCodes.indexOf(outcome.code))
      writer.uint(outcome.write)
      break
    case 'cancelled':
      break
    default:
      unreachable(outcome)
  }
}

export function readOutcome(reader: ByteReader): Outcome {
  const kind = readKind(reader, outcomeKinds)
  switch (kind) {
    case 'executed':
      return { kind, results: readBlobs(reader) }
    case 'refused':
      return { kind, code: readKind<RefusalCode>(reader, refusalCodes), write: reader.uint() }
    case 'cancelled':
      return { kind }
    default:
      return unreachable(kind)
  }
}

export function writeQuery(writer: ByteWriter, query: Query): void {
  writer.u8(queryKinds.indexOf(query.kind))
  switch (query.kind) {
    case 'get':
      writer.text(query.space)
      writer.text(query.key)
      break
    case 'list':
      writer.text(query.space)
      writeOptionalText(writer, query.after)
      writer.uint(query.limit)
      break
    case 'outcome':
      writer.uint(query.client)
      writer.uint(query.number)
      break
    case 'barrier':
      break
    default:
      unreachable(query)
  }
}

export function readQuery(reader: ByteReader): Query {
  const kind = readKind(reader, queryKinds)
  switch (kind) {
    case 'get':
      return { kind, space: reader.text(), key: reader.text() }
    case 'list':
      return { kind, space: reader.text(), after: readOptionalText(reader), limit: reader.uint() }
    case 'outcome':
      return { kind, client: readClient(reader), number: readPositive(reader) }
    case 'barrier':
      return { kind }
    default:
      return unreachable(kind)
  }
}

export function writeAnswer(writer: ByteWriter, answer: Answer): void {
  writer.u8(answerKinds.indexOf(answer.kind))
  writer.uint(answer.index)
  switch (answer.kind) {
    case 'absent':
    case 'barrier':
      break
    case 'document':
      writer.uint(answer.birth)
      writer.uint(answer.version)
      writer.blob(answer.base)
      writeBlobs(writer, answer.deltas)
      break
    case 'listing':
      writer.uint(answer.version)
      writer.uint(answer.keys.length)
      for (const key of answer.keys) writer.text(key)
      writer.bool(answer.more)
      break
    case 'outcome':
      writer.u8(outcomeStatuses.indexOf(answer.status))
      writer.uint(answer.at)
      writer.bool(answer.outcome !== undefined)
      if (answer.outcome !== undefined) writeOutcome(writer, answer.outcome)
      break
    default:
      unreachable(answer)
  }
}

export function readAnswer(reader: ByteReader): Answer {
  const kind = readKind(reader, answerKinds)
  const index = reader.uint()
  switch (kind) {
    case 'absent':
    case 'barrier':
      return { kind, index }
    case 'document':
      return {
        kind,
        index,
        birth: reader.uint(),
        version: reader.uint(),
        base: reader.blob(),
        deltas: readBlobs(reader),
      }
    case 'listing':
      return { kind, index, version: reader.uint(), keys: readTexts(reader), more: reader.bool() }
    case 'outcome': {
      const status = readKind(reader, outcomeStatuses)
      return { kind, index, status, at: reader.uint(), outcome: reader.bool() ? readOutcome(reader) : undefined }
    }
    default:
      return unreachable(kind)
  }
}

function writeCommand(writer: ByteWriter, command: Command): void {
  writer.u8(commandKinds.indexOf(command.kind))
  switch (command.kind) {
    case 'found':
      writer.text(command.history)
      writer.text(command.servers)
      break
    case 'register':
      assert(command.nonce.length === nonceBytes, 'a nonce has sixteen bytes')
      writer.raw(command.nonce)
      break
    case 'request':
      writeRequest(writer, command)
      break
    case 'expire':
      writer.uint(command.clients.length)
      for (const { client, touch } of command.clients) {
        writer.uint(client)
        writer.uint(touch)
      }
      break
    case 'clock':
      break
    default:
      unreachable(command)
  }
}

function readCommand(reader: ByteReader): Command {
  const kind = readKind(reader, commandKinds)
  switch (kind) {
    case 'found': {
      const history = reader.text(16)
      if (!isHistoryId(history)) throw new Malformed('not a history id')
      return { kind, history, servers: reader.text() }
    }
    case 'register':
      return { kind, nonce: reader.raw(nonceBytes) }
    case 'request':
      return readRequest(reader)
    case 'expire': {
      const clients: { client: ClientIndex; touch: number }[] = []
      for (let left = reader.count(2); left > 0; left--) {
        clients.push({ client: readClient(reader), touch: reader.uint() })
      }
      return { kind, clients }
    }
    case 'clock':
      return { kind }
    default:
      return unreachable(kind)
  }
}

function writeRequest(writer: ByteWriter, request: Request): void {
  assert(request.number >= 1, 'requests are numbered from 1')
  writer.uint(request.client)
  writer.uint(request.number)
  writer.uint(request.ackedBelow)
  writer.u8(bodyKinds.indexOf(request.body.kind))
  if (request.body.kind === 'transaction') writeTransaction(writer, request.body)
}

function readRequest(reader: ByteReader): Request {
  const client = readClient(reader)
  const number = readPositive(reader)
  const ackedBelow = reader.uint()
  const body = readKind(reader, bodyKinds)
  return {
    kind: 'request',
    client,
    number,
    ackedBelow,
    body: body === 'cancel' ? { kind: body } : readTransaction(reader),
  }
}

function writeTransaction(writer: ByteWriter, transaction: Transaction): void {
  writer.uint(transaction.after.length)
  for (const number of transaction.after) writer.uint(number)
  writer.uint(transaction.reads.length)
  for (const read of transaction.reads) {
    writer.text(read.space)
    writeOptionalText(writer, read.key)
    writer.uint(read.version)
  }
  writer.uint(transaction.writes.length)
  for (const write of transaction.writes) writeWrite(writer, write)
}

function readTransaction(reader: ByteReader): Transaction {
  const after = readList(reader, 1, (from) => from.uint())
  const reads = readList(reader, 3, readReadVersion)
  const writes = readList(reader, 4, readWrite)
  return { kind: 'transaction', after, reads, writes }
}

function readReadVersion(reader: ByteReader): ReadVersion {
  return { space: reader.text(), key: readOptionalText(reader), version: reader.uint() }
}

function writeWrite(writer: ByteWriter, write: Write): void {
  writer.u8(writeKinds.indexOf(write.kind))
  writer.text(write.space)
  writer.text(write.key)
  switch (write.kind) {
    case 'create':
      writer.blob(write.value)
      break
    case 'delete':
      writer.uint(write.birth)
      break
    case 'change':
      writer.uint(write.birth)
      writer.blob(write.delta)
      break
    default:
      unreachable(write)
  }
}

function readWrite(reader: ByteReader): Write {
  const kind = readKind(reader, writeKinds)
  const space = reader.text()
  const key = reader.text()
  switch (kind) {
    case 'create':
      return { kind, space, key, value: reader.blob() }
    case 'delete':
      return { kind, space, key, birth: reader.uint() }
    case 'change':
      return { kind, space, key, birth: reader.uint(), delta: reader.blob() }
    default:
      return unreachable(kind)
  }
}

const none: readonly never[] = []

/** Most lists of a request have no item or one: neither takes more room than it needs. */
function readList<Item>(reader: ByteReader, bytesEach: number, read: (reader: ByteReader) => Item): readonly Item[] {
  const count = reader.count(bytesEach)
  if (count === 0) return none
  const items = [read(reader)]
  for (let left = count; left > 1; left--) items.push(read(reader))
  return items
}

function readKind<Kind extends string>(reader: ByteReader, kinds: readonly Kind[]): Kind {
  const kind = kinds[reader.u8()]
  if (kind === undefined) throw new Malformed('unknown kind')
  return kind
}

function readClient(reader: ByteReader): ClientIndex {
  return readPositive(reader) as ClientIndex
}

function readPositive(reader: ByteReader): number {
  const value = reader.uint()
  if (value === 0) throw new Malformed('a number that starts at 1 is 0')
  return value
}

function writeOptionalText(writer: ByteWriter, text: string | undefined): void {
  writer.bool(text !== undefined)
  if (text !== undefined) writer.text(text)
}

function readOptionalText(reader: ByteReader): string | undefined {
  return reader.bool() ? reader.text() : undefined
}

function readTexts(reader: ByteReader): string[] {
  const texts: string[] = []
  for (let left = reader.count(); left > 0; left--) texts.push(reader.text())
  return texts
}

function writeBlobs(writer: ByteWriter, blobs: readonly Uint8Array[]): void {
  writer.uint(blobs.length)
  for (const blob of blobs) writer.blob(blob)
}

function readBlobs(reader: ByteReader): Uint8Array[] {
  const blobs: Uint8Array[] = []
  for (let left = reader.count(); left > 0; left--) blobs.push(reader.blob())
  return blobs
}
