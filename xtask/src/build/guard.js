// The guard. A panic in a task of the wasm has no caller who could catch it: it would end a Node process, and leave
// every client hanging elsewhere. What leaves the wasm through a callback comes here instead.
let onTrap;
let trappedInstance = -1;

/** `handler` says by `true` that the error is dealt with; nothing calls into that instance any more then. */
export function __on_trap(handler) {
    onTrap = handler;
}

function usable(instance) {
    return instance === __wbg_instance_id && instance !== trappedInstance;
}

function guarded(callback) {
    return (...args) => {
        const instance = __wbg_instance_id;
        if (!usable(instance)) return;
        try {
            return callback(...args);
        } catch (error) {
            if (usable(instance)) {
                if (onTrap === undefined || onTrap(error) !== true) throw error;
                trappedInstance = instance;
            }
        }
    };
}

/** For finalizers: what they fail at is gone anyway. */
function quietly(finalizer) {
    return held => {
        if (!usable(__wbg_instance_id)) return;
        try {
            finalizer(held);
        } catch {}
    };
}

