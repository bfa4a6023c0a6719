import { assert } from '../lib/assert.ts'
import { ByteReader, ByteWriter, Malformed } from '../lib/bytes.ts'
import { adminFields, clientFields, serverFields } from './codec-client.ts'
import type { Field } from './codec-fields.ts'
import { formationFields, handshakeFields, peerFields } from './codec-peer.ts'
import type { Message } from './message.ts'

export type MessageKind = Message['kind']

/**
 * The ledger of type bytes: a kind's byte is its position. Append only, and a kind that is no longer sent keeps its
 * place, so that a byte never means two things.
 */
export const messageKinds = [
  'hello',
  'welcome',
  'unwelcome',
  'append',
  'append-ack',
  'heartbeat',
  'heartbeat-ack',
  'vote',
  'vote-reply',
  'timeout-now',
  'snapshot-chunk',
  'snapshot-ack',
  'diverged',
  'form-ask',
  'form-answer',
  'form',
  'join',
  'join-refused',
  'leave',
  'left',
  'register',
  'attach',
  'requests',
  'read',
  'keepalive',
  'goodbye',
  'registered',
  'attached',
  'results',
  'answers',
  'resend',
  'refused',
  'keepalive-answer',
  'status-query',
  'status',
  'removed',
] as const satisfies readonly MessageKind[]

const fieldsByKind = {
  ...handshakeFields,
  ...peerFields,
  ...formationFields,
  ...clientFields,
  ...serverFields,
  ...adminFields,
}

interface MessageCodec {
  readonly type: number
  readonly kind: MessageKind
  readonly fields: readonly (readonly [name: string, field: Field<unknown>])[]
}

const codecs: readonly MessageCodec[] = messageKinds.map((kind, type) => ({
  type,
  kind,
  fields: Object.entries(fieldsByKind[kind]) as [string, Field<unknown>][],
}))
const codecByKind = new Map<string, MessageCodec>(codecs.map((codec) => [codec.kind, codec]))
assert(codecByKind.size === Object.keys(fieldsByKind).length, 'a kind of message is missing from the ledger')

/** The payload of the frame that carries `message`. */
export function encodeMessage(message: Message): Uint8Array {
  const codec = codecByKind.get(message.kind)
  assert(codec !== undefined && makesSense(message), () => `a message that can't be sent: ${message.kind}`)
  const carried = carriedBytes(message)
  const isLarge = carried > copiedBytesMax
  const writer = isLarge ? new ByteWriter(carried + 64) : sharedWriter
  writer.reset()
  writer.u8(codec.type)
  const values = message as unknown as Readonly<Record<string, unknown>>
  for (const [name, field] of codec.fields) field.write(writer, values[name])
  // The room was counted: a copy of exactly the length would cost as much again as the message.
  return isLarge ? writer.view() : writer.take()
}

/**
 * The message, sharing the frame's bytes; `undefined` when the frame is not one. This is the door that catches
 * `Malformed`.
 */
export function decodeMessage(frame: Uint8Array): Message | undefined {
  try {
    const reader = new ByteReader(frame)
    const message = readMessage(reader)
    reader.end()
    return makesSense(message) ? message : undefined
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

function readMessage(reader: ByteReader): Message {
  const codec = codecs[reader.u8()]
  if (codec === undefined) throw new Malformed('an unknown kind of message')
  const values: Record<string, unknown> = { kind: codec.kind }
  for (const [name, field] of codec.fields) values[name] = field.read(reader)
  return values as unknown as Message
}

/** What no single field can tell: the entries of an append begin where it says that they do. */
function makesSense(message: Message): boolean {
  if (message.kind !== 'append') return true
  const first = message.runs[0]
  return first === undefined || first.firstIndex === message.prevIndex + 1
}

/** From how many carried bytes on a message keeps the little room that it did not need. */
const copiedBytesMax = 4096
/** Of all smaller ones: what is written is copied out before the next begins. */
const sharedWriter = new ByteWriter(2 * copiedBytesMax)

/** Room for what a message carries along, so that its writer need not grow. */
function carriedBytes(message: Message): number {
  let bytes = 0
  if (message.kind === 'append') for (const run of message.runs) bytes += run.bytes.length + 40
  else if (message.kind === 'requests') for (const command of message.commands) bytes += command.length + 4
  else if (message.kind === 'snapshot-chunk') bytes = message.bytes.length
  else if (message.kind === 'results') bytes = message.results.length * 16
  return bytes
}
