type LogMethod = (fields: object, text: string) => void

/** Anything with these four methods of pino. */
export interface Logger {
  readonly debug: LogMethod
  readonly info: LogMethod
  readonly warn: LogMethod
  readonly error: LogMethod
}

const nothing: LogMethod = () => {}

export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }

/** The user's logger, unable to stop us: what it throws is dropped, since nobody is left to tell. */
export function safeLogger(logger: Logger | undefined): Logger {
  if (logger === undefined) return silentLogger
  const safe = (level: keyof Logger): LogMethod => {
    return (fields, text) => {
      try {
        logger[level](fields, text)
      } catch {}
    }
  }
  return { debug: safe('debug'), info: safe('info'), warn: safe('warn'), error: safe('error') }
}
