import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.cometd.bayeux.Promise;
import org.cometd.bayeux.server.BayeuxServer;
import org.cometd.bayeux.server.ServerChannel;
import org.cometd.bayeux.server.ServerMessage;
import org.cometd.bayeux.server.ServerSession;
import org.cometd.server.DefaultSecurityPolicy;
import org.cometd.server.ext.AcknowledgedMessagesExtension;
import org.cometd.server.http.jakarta.CometDServlet;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.ajax.JSON;

/**
 * The reference server, CometD in Java, at {@code /cometd}; what else it serves is told in {@code ../control.mjs}.
 *
 * <pre>java -cp 'deps/*' ReferenceServer.java [timeout ms] [max interval ms] [ack|replay|plain]…</pre>
 */
public class ReferenceServer {
    public static void main(String[] args) throws Exception {
        String timeout = args.length > 0 ? args[0] : "300";
        String maxInterval = args.length > 1 ? args[1] : "2000";
        List<String> extensions = args.length > 2 ? List.of(args).subList(2, args.length) : List.of("ack");

        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        // Clients of all runtimes keep idle connections; closing them early would look like a cut.
        connector.setIdleTimeout(120_000);
        server.addConnector(connector);

        ServletContextHandler context = new ServletContextHandler("/");
        server.setHandler(context);
        ServletHolder cometd = new ServletHolder(CometDServlet.class);
        cometd.setInitParameter("timeout", timeout);
        cometd.setInitParameter("maxInterval", maxInterval);
        cometd.setInitParameter("sweepPeriod", "250");
        cometd.setInitOrder(1);
        cometd.setAsyncSupported(true);
        context.addServlet(cometd, "/cometd/*");
        Replay replay = extensions.contains("replay") ? new Replay() : null;
        context.addServlet(new ServletHolder(new Control(replay)), "/control/*");
        server.start();

        BayeuxServer bayeux = (BayeuxServer) context.getServletContext().getAttribute(BayeuxServer.ATTRIBUTE);
        if (extensions.contains("ack")) {
            bayeux.addExtension(new AcknowledgedMessagesExtension());
        }
        if (replay != null) {
            bayeux.addExtension(replay);
        }
        bayeux.addListener(new Vacated());
        bayeux.setSecurityPolicy(new HousePolicy());
        bayeux.createChannelIfAbsent("/service/echo").getReference().addListener(new Service(bayeux, true));
        bayeux.createChannelIfAbsent("/service/fail").getReference().addListener(new Service(bayeux, false));
        System.out.println("{\"port\":" + connector.getLocalPort() + "}");
        while (System.in.read() >= 0) {
            // Its end is the sign to stop; what is written there does not matter.
        }
        server.stop();
        System.exit(0);
    }

    /** Answers as a method does that is annotated with {@code @RemoteCall}: with what it was given, as a result or a failure. */
    private record Service(BayeuxServer bayeux, boolean succeeds) implements ServerChannel.MessageListener {
        @Override
        public boolean onMessage(ServerSession from, ServerChannel channel, ServerMessage.Mutable message) {
            ServerMessage.Mutable answer = bayeux.newMessage();
            answer.setId(message.getId());
            answer.setSuccessful(succeeds);
            answer.setChannel(message.getChannel());
            answer.setData(message.getData());
            from.deliver(null, answer, Promise.noop());
            return true;
        }
    }

    private static class HousePolicy extends DefaultSecurityPolicy {
        @Override
        public boolean canSubscribe(BayeuxServer server, ServerSession session, ServerChannel channel, ServerMessage message) {
            return isPermitted(channel) && super.canSubscribe(server, session, channel, message);
        }

        @Override
        public boolean canPublish(BayeuxServer server, ServerSession session, ServerChannel channel, ServerMessage message) {
            return isPermitted(channel) && super.canPublish(server, session, channel, message);
        }

        private boolean isPermitted(ServerChannel channel) {
            return !channel.getId().startsWith("/refused/");
        }
    }

    /** Wakes those who wait for a channel to have no subscriber. */
    private static class Vacated implements BayeuxServer.SubscriptionListener {
        @Override
        public void unsubscribed(ServerSession session, ServerChannel channel, ServerMessage message) {
            synchronized (ReferenceServer.class) {
                ReferenceServer.class.notifyAll();
            }
        }
    }

    /**
     * Replay as Salesforce has it: each event has a number, which ascends in its channel and leaves some out; a subscribe says
     * in {@code ext.replay} after which one it begins, -1 for what is new and -2 for all. All events are kept.
     */
    private static class Replay implements BayeuxServer.Extension {
        /** Beyond what a double can hold, so that a client that takes it for one is refused. */
        private static final long FIRST = (1L << 53) + 1;
        private static final long STEP = 2;
        private static final long NEW = -1;
        private static final long ALL = -2;

        private final Map<String, List<Map<String, Object>>> histories = new HashMap<>();
        private final Set<Follower> joining = new HashSet<>();

        private record Follower(String session, String channel) {}

        /** Numbers, keeps and publishes one. Nobody joins meanwhile, so that nobody gets it twice, or not at all. */
        @SuppressWarnings("unchecked")
        synchronized void publish(ServerChannel channel, Object data) {
            List<Map<String, Object>> history = history(channel.getId());
            Map<String, Object> numbered = new HashMap<>((Map<String, Object>) data);
            numbered.put("event", Map.of("replayId", FIRST + STEP * history.size()));
            history.add(numbered);
            publishNow(channel, numbered);
        }

        private List<Map<String, Object>> history(String channel) {
            return histories.computeIfAbsent(channel, name -> new ArrayList<>());
        }

        /** From here until its reply, a subscriber is given nothing of the channel: with the reply, all comes at once. */
        @Override
        public synchronized boolean rcvMeta(ServerSession from, ServerMessage.Mutable message) {
            Map<?, ?> positions = positionsOf(message);
            if (positions == null) {
                return true;
            }
            String name = (String) message.get("subscription");
            if (refusalOf(name, positions) != null) {
                return false;
            }
            if (from.getAttribute("replay") == null) {
                from.setAttribute("replay", true);
                from.addListener((ServerSession.MessageListener) new Door(this));
            }
            joining.add(new Follower(from.getId(), name));
            return true;
        }

        /** What a subscribe gives, or {@code null} where it is none, or does not ask. */
        private Map<?, ?> positionsOf(ServerMessage message) {
            boolean asks = "/meta/subscribe".equals(message.getChannel()) && message.getExt() != null;
            return asks ? (Map<?, ?>) message.getExt().get("replay") : null;
        }

        private String refusalOf(String name, Map<?, ?> positions) {
            if (!(positions.get(name) instanceof Long position)) {
                return "400::The replayId for channel {" + name + "} wasn't found using the provided replay ID map {" + positions
                        + "}. Ensure that the channel name you provided in the replay map is valid and matches the channel name"
                        + " used for subscribing.";
            }
            boolean known = position == NEW || position == ALL || position >= FIRST && (position - FIRST) % STEP == 0
                    && (position - FIRST) / STEP < history(name).size();
            return known ? null : "400::The replayId {" + position + "} you provided was invalid.  Please provide a valid ID,"
                    + " -2 to replay all events, or -1 to replay only new events.";
        }

        @Override
        public synchronized boolean sendMeta(ServerSession to, ServerMessage.Mutable reply) {
            if ("/meta/handshake".equals(reply.getChannel())) {
                reply.getExt(true).put("replay", true);
                return true;
            }
            Map<?, ?> positions = positionsOf(reply.getAssociated());
            if (to == null || positions == null) {
                return true;
            }
            String name = (String) reply.get("subscription");
            joining.remove(new Follower(to.getId(), name));
            String refusal = refusalOf(name, positions);
            if (refusal != null) {
                // In place of the server's own word for what an extension has stopped.
                reply.put("error", refusal);
            } else if (reply.isSuccessful()) {
                replay(to, name, (Long) positions.get(name));
            }
            return true;
        }

        private void replay(ServerSession to, String name, long position) {
            List<Map<String, Object>> history = history(name);
            int begin = position == NEW ? history.size() : position == ALL ? 0 : (int) ((position - FIRST) / STEP) + 1;
            // In one batch, so that the first one does not already leave by itself.
            to.batch(() -> {
                for (Map<String, Object> data : history.subList(begin, history.size())) {
                    to.deliver(null, name, data, Promise.noop());
                }
            });
        }

        synchronized boolean isJoining(ServerSession session, String channel) {
            return joining.contains(new Follower(session.getId(), channel));
        }
    }

    /** Keeps from a session what is published on a channel that it is joining. */
    private record Door(Replay replay) implements ServerSession.MessageListener {
        @Override
        public boolean onMessage(ServerSession session, ServerSession sender, ServerMessage message) {
            return !replay.isJoining(session, message.getChannel());
        }
    }

    /** Returns when each subscriber has it in its queue. */
    private static void publishNow(ServerChannel channel, Object data) {
        Promise.Completable<Boolean> published = new Promise.Completable<>();
        channel.publish(null, data, published);
        published.join();
    }

    private static class Control extends HttpServlet {
        private final Replay replay;

        Control(Replay replay) {
            this.replay = replay;
        }

        @Override
        protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
            BayeuxServer bayeux = (BayeuxServer) getServletContext().getAttribute(BayeuxServer.ATTRIBUTE);
            Map<?, ?> body = (Map<?, ?>) new JSON().parse(new JSON.ReaderSource(request.getReader()));
            String name = (String) body.get("channel");
            switch (request.getPathInfo()) {
                case "/publish" -> publish(bayeux, name, (Object[]) body.get("data"));
                case "/vacated" -> awaitVacancy(bayeux, name);
                default -> response.setStatus(404);
            }
            response.getWriter().print("{}");
        }

        private void publish(BayeuxServer bayeux, String name, Object[] data) {
            ServerChannel channel = bayeux.createChannelIfAbsent(name).getReference();
            for (Object item : data) {
                if (replay == null) {
                    publishNow(channel, item);
                } else {
                    replay.publish(channel, item);
                }
            }
        }

        private void awaitVacancy(BayeuxServer bayeux, String name) {
            synchronized (ReferenceServer.class) {
                while (isTaken(bayeux, name)) {
                    try {
                        ReferenceServer.class.wait();
                    } catch (InterruptedException stopped) {
                        return;
                    }
                }
            }
        }

        private boolean isTaken(BayeuxServer bayeux, String name) {
            ServerChannel channel = bayeux.getChannel(name);
            return channel != null && !channel.getSubscribers().isEmpty();
        }
    }
}
