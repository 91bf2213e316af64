import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Map;
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
 * <pre>java -cp 'deps/*' ReferenceServer.java [timeout ms] [max interval ms] [ack|plain]</pre>
 */
public class ReferenceServer {
    public static void main(String[] args) throws Exception {
        String timeout = args.length > 0 ? args[0] : "300";
        String maxInterval = args.length > 1 ? args[1] : "2000";
        boolean ack = args.length < 3 || args[2].equals("ack");

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
        context.addServlet(new ServletHolder(new Control()), "/control/*");
        server.start();

        BayeuxServer bayeux = (BayeuxServer) context.getServletContext().getAttribute(BayeuxServer.ATTRIBUTE);
        if (ack) {
            bayeux.addExtension(new AcknowledgedMessagesExtension());
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

    private static class Control extends HttpServlet {
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
                Promise.Completable<Boolean> published = new Promise.Completable<>();
                channel.publish(null, item, published);
                published.join();
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
