import { isIPv6 } from 'node:net'

export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without its brackets. */
  readonly host: string
  readonly port: number
}

const accepted = 'accepted are name:port, 10.0.0.1:port and [::1]:port, with a port from 0 to 65535'
const hostPattern = /^[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})$/

/** Reads `host:port`; throws an error that says what is accepted. Names are not resolved here. */
export function parseAddress(text: string): Address {
  const bracketed = /^\[(.*)\]:(.*)$/.exec(text)
  const [, host = '', port = ''] = bracketed ?? /^([^:]*):([^:]*)$/.exec(text) ?? []
  const hostFits = bracketed === null ? hostPattern.test(host) : isIPv6(host)
  if (!hostFits || !/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new Error(`"${text}" is not an address; ${accepted}`)
  return { host, port: Number(port) }
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
