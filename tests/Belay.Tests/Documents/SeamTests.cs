using Belay.Models;
using Belay.Sandboxes;
using Belay.Sandboxes.Guest;
using Belay.Sessions;
using Belay.Storage;
using Belay.Testing.Identity;
using Belay.Testing.Models;
using Belay.Testing.Sandboxes;
using Belay.Testing.Sessions;
using Belay.Testing.Storage;
using Belay.Testing.Tools;
using Belay.Tests.Sandboxes.Process;
using Belay.Tools;

namespace Belay.Tests.Documents;

/// <summary>Every seam has its contract, and whoever stands in one keeps it: what ships and the shared doubles alike.</summary>
public sealed class SeamTests
{
    private static readonly (Type Seam, Type Contract)[] Seams =
    [
        (typeof(IModel), typeof(ModelContract)),
        (typeof(ITool), typeof(ToolContract)),
        (typeof(ISandbox), typeof(SandboxContract)),
        (typeof(ISessionSandbox), typeof(SessionSandboxContract)),
        (typeof(IJournal), typeof(JournalContract)),
        (typeof(IDocumentStore), typeof(DocumentStoreContract)),
        (typeof(Belay.Identity.ISealer), typeof(SealerContract)),
    ];

    [Fact]
    public void EveryImplementation_HasASubclassOfItsContract()
    {
        var implementations = new[] { typeof(IModel).Assembly, typeof(ModelContract).Assembly }
            .SelectMany(assembly => assembly.GetTypes())
            .Where(type => type is { IsClass: true, IsAbstract: false, IsNested: false })
            .ToList();
        var tests = typeof(SeamTests).Assembly.GetTypes();

        // An inline function is never run here; a guest's sandbox is known by the drivers that start it; what stands for the world in a
        // replay answers from its recording and nothing else.
        var missing = Seams
            .SelectMany(seam => implementations.Where(seam.Seam.IsAssignableFrom).Select(type => (Type: type, seam.Contract)))
            .Where(pair => pair.Type != typeof(InlineFunction) && pair.Type.Namespace != typeof(Belay.Replays.Replayer).Namespace)
            .Where(pair => !tests.Any(test => test.IsSubclassOf(pair.Contract) && (test.Name.StartsWith(pair.Type.Name, StringComparison.Ordinal)
                || (pair.Type == typeof(GuestSandbox) && test == typeof(ProcessSandboxTests)))))
            .Select(pair => $"{pair.Type.Name} has no subclass of {pair.Contract.Name}");

        Assert.Empty(missing);
    }
}
