declare const brand: unique symbol

/** A primitive that carries its meaning in its type, so that one identity can't be passed for another. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
