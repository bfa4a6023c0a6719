import { assert } from '../lib/assert.ts'

// 1  first version: Raft, documents, exactly-once clients
/** The newest wire format this build speaks. Every change of bytes adds a line above and a golden fixture. */
export const protocolVersion = 1
/** The oldest one it still understands. */
export const protocolVersionMin = 1
assert(protocolVersionMin <= protocolVersion, 'nobody could connect')
