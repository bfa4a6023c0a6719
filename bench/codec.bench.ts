import { must } from '../core/lib/assert.ts'
import { decodeMessage, encodeMessage } from '../core/wire/codec.ts'
import { decodeCommand, encodeCommand } from '../core/wire/command-codec.ts'
import { FrameReader, frameBytesMax, writeFrames } from '../core/wire/framer.ts'
import type { ClientIndex } from '../core/wire/ids.ts'
import type { Message } from '../core/wire/message.ts'
import { cutRun, type Run, runBytes } from '../core/wire/run.ts'
import { setField } from './load-documents.ts'
import type { MicroCase } from './micro.ts'

/** As many as one turn of a busy server carries. */
const batch = 256

/** The command of the `n`-th commit of the load. */
export function commandOf(client: number, n: number, ackedBelow = 1): Uint8Array {
  return encodeCommand({ kind: 'request', client: client as ClientIndex, number: n, ackedBelow, body: setField(n) })
}

const commands = Array.from({ length: batch }, (_, i) => commandOf(2, i + 1))
const run: Run = { kind: 'data', firstIndex: 3, term: 1, stampMs: 5, count: batch, bytes: runBytes(commands) }
const append: Message = {
  kind: 'append',
  term: 1,
  prevIndex: 2,
  prevTerm: 1,
  commit: 2,
  last: batch + 2,
  round: 1,
  runs: [run],
}
const results: Message = {
  kind: 'results',
  results: commands.map((_, i) => ({ number: i + 1, index: i + 3, outcome: { kind: 'executed', results: [] } })),
}
const requests: Message = { kind: 'requests', commands }

function bothWays(name: string, message: Message): readonly MicroCase[] {
  const frame = encodeMessage(message)
  return [
    { name: `encode ${name}`, count: batch, prepare: () => () => void encodeMessage(message) },
    { name: `decode ${name}`, count: batch, prepare: () => () => void decodeMessage(frame) },
  ]
}

/** What the bytes of 256 commits of 100 bytes cost on their way, for each commit. */
export const codecCases: readonly MicroCase[] = [
  {
    name: 'encode a command',
    count: 1,
    prepare() {
      let n = 0
      return () => void commandOf(2, ++n)
    },
  },
  {
    name: 'decode a command',
    count: 1,
    prepare() {
      const command = must(commands[0], 'a batch is not empty')
      return () => void decodeCommand(command)
    },
  },
  ...bothWays('a requests message, each', requests),
  ...bothWays('an append message, each', append),
  ...bothWays('a results message, each', results),
  {
    name: 'frame an append message, each',
    count: batch,
    prepare() {
      const payload = encodeMessage(append)
      return () => void writeFrames([payload])
    },
  },
  { name: 'unframe an append message, each', count: batch, prepare: unframe },
  { name: 'join a run, each', count: batch, prepare: () => () => void runBytes(commands) },
  { name: 'cut a run in the middle', count: 1, prepare: () => () => void cutRun(run, 131, 200) },
]

/** In pieces of 64 KiB, as a socket delivers them. */
function unframe(): () => void {
  const frame = writeFrames([encodeMessage(append)])
  const reader = new FrameReader(frameBytesMax)
  return () => {
    for (let at = 0; at < frame.length; at += 65_536) reader.feed(frame.subarray(at, at + 65_536))
    must(reader.next(), 'a whole frame was fed')
  }
}
