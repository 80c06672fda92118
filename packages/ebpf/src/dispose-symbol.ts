/** `Symbol.dispose` for the first versions of Node.js 20, which lack it: imported before any class that has a method of this name. */
if (Symbol.dispose === undefined)
  Object.defineProperty(Symbol, 'dispose', { value: Symbol('Symbol.dispose') });
