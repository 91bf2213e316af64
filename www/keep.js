// What the page remembers in this tab across reloads. Never a token: the page logs in again.

const LOGIN = "login";
const VISIT = "visit";

function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key)) ?? undefined;
  } catch {
    return undefined;
  }
}

/** User name and password, which are the sandbox's own and open no other door. A real page would not keep them. */
export const login = {
  recall: () => recall(LOGIN),
  keep: (credentials) => sessionStorage.setItem(LOGIN, JSON.stringify(credentials)),
  forget: () => sessionStorage.removeItem(LOGIN),
};

/** What was counted so far, and the name of this tab's positions in IndexedDB. */
export const visit = {
  recall: () => recall(VISIT),
  keep: (state) => sessionStorage.setItem(VISIT, JSON.stringify(state)),
};
