using Belay.EndToEnd;

[assembly: AssemblyFixture(typeof(SharedServer))]
