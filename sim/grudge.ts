import { assert } from '../core/lib/assert.ts'

/** A partition as data: the directed pairs of hosts (from, to) between which nothing gets through. */
export type Grudge = readonly (readonly [from: string, to: string])[]

/** Nothing gets from the first hosts to the second; the other direction works. */
export function oneWay(from: readonly string[], to: readonly string[]): Grudge {
  return from.flatMap((a) => to.filter((b) => b !== a).map((b) => [a, b] as const))
}

/** Two halves that don't reach each other. */
export function split(some: readonly string[], others: readonly string[]): Grudge {
  return [...oneWay(some, others), ...oneWay(others, some)]
}

/** One host alone against all. */
export function isolate(host: string, hosts: readonly string[]): Grudge {
  return split(
    [host],
    hosts.filter((other) => other !== host),
  )
}

/** Two halves that don't reach each other, and one host that reaches both: who can talk is not transitive. */
export function bridge(middle: string, some: readonly string[], others: readonly string[]): Grudge {
  const without = (hosts: readonly string[]) => hosts.filter((host) => host !== middle)
  return split(without(some), without(others))
}

/**
 * Every host reaches a majority made of itself and its nearest neighbours in the ring, and with five hosts or more no
 * two have the same majority.
 */
export function majoritiesRing(hosts: readonly string[]): Grudge {
  assert(hosts.length >= 3, 'a ring has three hosts or more')
  const reach = Math.ceil(Math.floor(hosts.length / 2) / 2)
  const distance = (a: number, b: number) => Math.min(Math.abs(a - b), hosts.length - Math.abs(a - b))
  return hosts.flatMap((from, a) => hosts.filter((_, b) => distance(a, b) > reach).map((to) => [from, to] as const))
}
