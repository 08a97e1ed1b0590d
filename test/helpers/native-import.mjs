/** Imports a built module as Node does; vitest would compile it once more for every test file. */
export const importNative = (url) => import(url)
