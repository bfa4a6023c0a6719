import type { Index } from '../../core/wire/ids.ts'
import { changes, describeOperation, type History, type Observation, type Operation, placesOf } from '../history.ts'
import { Findings } from './findings.ts'
import type { CheckResult } from './types.ts'

/** What a session has seen of one key, or of one space's listing. */
interface Floor {
  /** Index of its newest acknowledged write. */
  written: Index
  /** Newest version it has read. */
  read: Index
}

interface Session {
  readonly floors: Map<string, Floor>
  /** Highest index at which it knows that something held. */
  seen: Index
  /** Its latest acknowledged write by order of invocation. */
  lastWrite: { readonly id: number; readonly index: Index } | undefined
}

/** What its session knew when an operation began: it may not see less. */
interface Bound {
  readonly written: Index
  readonly read: Index
  readonly seen: Index
}

/**
 * Read your writes, monotonic reads, monotonic writes, and writes follow reads, for every client by itself and in one
 * pass. Only what had ended when an operation began binds it; a client's writes must besides have the order in which it
 * asked for them.
 */
export function checkSessionGuarantees(history: History): CheckResult {
  const findings = new Findings('session-guarantees')
  const sessions = new Map<number, Session>()
  const bounds = new Map<number, Bound>()
  for (const { operation, begins } of history.events()) {
    const session = sessionOf(sessions, operation.client)
    const floor = floorOf(session, operation)
    if (begins) {
      bounds.set(operation.id, { written: floor.written, read: floor.read, seen: session.seen })
      continue
    }
    const bound = bounds.get(operation.id)
    bounds.delete(operation.id)
    if (bound !== undefined) conclude(findings, session, floor, operation, bound)
  }
  return findings.result()
}

function conclude(findings: Findings, session: Session, floor: Floor, operation: Operation, bound: Bound): void {
  if (operation.ending?.type !== 'ok') return
  const { observed } = operation.ending
  if (changes(operation.action)) concludeWrite(findings, session, operation, observed.index, bound)
  else {
    concludeRead(findings, floor, operation, versionSeen(observed), observed.index, bound)
  }
  session.seen = Math.max(session.seen, observed.index)
}

function concludeRead(
  findings: Findings,
  floor: Floor,
  operation: Operation,
  version: Index,
  index: Index,
  bound: Bound,
): void {
  const tell = (what: string, than: Index) => () =>
    `${what}: ${describeOperation(operation)} saw version ${version} at ${index}, older than ${than}`
  findings.expect(version >= bound.written, tell('read your writes', bound.written))
  findings.expect(version >= bound.read, tell('monotonic reads', bound.read))
  findings.expect(index >= bound.seen, tell('monotonic reads', bound.seen))
  findings.expect(version <= index, tell('a version from the future', index))
  floor.read = Math.max(floor.read, version)
}

function concludeWrite(findings: Findings, session: Session, operation: Operation, index: Index, bound: Bound): void {
  findings.expect(
    index > bound.seen,
    () => `writes follow reads: ${describeOperation(operation)} is at ${index}, after ${bound.seen} was seen`,
  )
  const last = session.lastWrite
  findings.expect(
    last === undefined || last.id < operation.id === last.index < index,
    () => `monotonic writes: ${describeOperation(operation)} is at ${index}, operation ${last?.id} at ${last?.index}`,
  )
  if (last === undefined || last.id < operation.id) session.lastWrite = { id: operation.id, index }
  for (const place of placesOf(operation.action)) {
    const floor = floorNamed(session, place)
    floor.written = Math.max(floor.written, index)
  }
  const { f, space } = operation.action
  if (f !== 'create' && f !== 'delete' && f !== 'open') return
  const listing = floorNamed(session, listingOf(space))
  listing.written = Math.max(listing.written, index)
}

/**
 * Absence holds as of the index at which it was seen. An empty space has version 0, as if nothing had ever been in it.
 */
function versionSeen(observed: Observation): Index {
  return 'version' in observed && observed.version > 0 ? observed.version : observed.index
}

function sessionOf(sessions: Map<number, Session>, client: number): Session {
  let session = sessions.get(client)
  if (session === undefined) {
    session = { floors: new Map(), seen: 0, lastWrite: undefined }
    sessions.set(client, session)
  }
  return session
}

function floorOf(session: Session, { action }: Operation): Floor {
  return floorNamed(session, placesOf(action)[0] ?? listingOf(action.space))
}

function listingOf(space: string): string {
  return JSON.stringify([space])
}

function floorNamed(session: Session, name: string): Floor {
  let floor = session.floors.get(name)
  if (floor === undefined) {
    floor = { written: 0, read: 0 }
    session.floors.set(name, floor)
  }
  return floor
}
