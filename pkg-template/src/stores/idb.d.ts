/** The npm package `idb`; the build puts its one file beside this one, so that no bare import is left. */
export { openDB, type IDBPDatabase } from "idb";
