import type { Brand } from '../lib/brand.ts'

/** A name from `servers`: 1 to 64 of a-z, 0-9, `.`, `_`, `-`. Stays the same when the process behind it is replaced. */
export type ServerName = Brand<string, 'ServerName'>

/** Sixteen hex digits, drawn anew whenever a server's memory of its promises may be gone (R5). */
export type Incarnation = Brand<string, 'Incarnation'>

/** `name#incarnation`: one server with one unbroken memory. What Raft's papers call a server. Never reused. */
export type ServerId = Brand<string, 'ServerId'>

/** Sixteen hex digits in the first entry of a history (R5); changed by `recover` and by forming anew. */
export type HistoryId = Brand<string, 'HistoryId'>

/** Thirty-two hex digits: the hash of the sorted `servers` at formation. */
export type GroupId = Brand<string, 'GroupId'>

/** The index of a client's registration; unique within a history (R7). */
export type ClientIndex = Brand<number, 'ClientIndex'>

/** Position in the replicated log, from 1; 0 is before everything. */
export type Index = number

/** Raft's term, from 1; 0 is before everything. */
export type Term = number

/**
 * A connection of this process, named by a number that is never reused: positive where this process dialled, negative
 * where it accepted.
 */
export type Link = Brand<number, 'Link'>

const namePattern = /^[a-z0-9._-]{1,64}$/
const idPattern = /^([a-z0-9._-]{1,64})#([0-9a-f]{16})$/

export function isServerName(text: string): text is ServerName {
  return namePattern.test(text)
}

export function isServerId(text: string): text is ServerId {
  return idPattern.test(text)
}

export function isHistoryId(text: string): text is HistoryId {
  return /^[0-9a-f]{16}$/.test(text)
}

export function isIncarnation(text: string): text is Incarnation {
  return /^[0-9a-f]{16}$/.test(text)
}

export function isGroupId(text: string): text is GroupId {
  return /^[0-9a-f]{32}$/.test(text)
}

export function serverId(name: ServerName, incarnation: Incarnation): ServerId {
  return `${name}#${incarnation}` as ServerId
}

export function nameOf(id: ServerId): ServerName {
  return id.slice(0, id.indexOf('#')) as ServerName
}

export function incarnationOf(id: ServerId): Incarnation {
  return id.slice(id.indexOf('#') + 1) as Incarnation
}
