/** A module that is loaded at its first use. Awaiting the kept promise is cheap, a second `import()` is not. */
export function once<Module>(load: () => Promise<Module>): () => Promise<Module> {
  let loading: Promise<Module> | undefined
  return () => {
    loading ??= load()
    return loading
  }
}
